"""Have something done on another server, and wait for what comes of it.

What is asked goes to all servers, in the log, and all but one skip it. It is done once, and if the
answer is late, it is done all the same.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock

from threadchat.errors import PersonError
from threadchat.link.notices import Data, Notices
from threadchat.text.clean import clean_line

PATIENCE_SECONDS = 3.0
"""How long an answer is waited for."""

Deed = Callable[[Data, str], str]
"""Does what another node asks for, and returns a line for the person there that wants it.

It raises `PersonError`, with such a line, if that cannot be done. It must not wait.
"""


@dataclass(slots=True)
class _Question:
    answered: Event = field(default_factory=Event)
    answer: str = ""
    is_done: bool = False


class Asking:
    """What one server asks of others, and is asked. Safe on any thread.

    `deeds` are done for others, each by its name. `failed` is called with what was being done, and
    with an unexpected error.
    """

    def __init__(
        self,
        node: str,
        notices: Notices,
        deeds: Mapping[str, Deed],
        failed: Callable[[str, BaseException], None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._node = node
        self._notices = notices
        self._deeds = deeds
        self._failed = failed
        self._patience = patience
        self._lock = Lock()  # guards the questions
        self._questions: dict[str, _Question] = {}
        notices.on("do", self._hear_question)
        notices.on("done", self._hear_answer)

    def ask(self, node: str, deed: str, data: Data) -> str | None:
        """Have another server do a deed; return its line, or None if no answer comes in time.

        Raise `PersonError` if it cannot do it.
        """
        number, question = secrets.token_hex(8), _Question()
        with self._lock:
            self._questions[number] = question
        self._notices.tell("do", {"to": node, "id": number, "deed": deed, "data": data})
        is_answered = question.answered.wait(self._patience)
        with self._lock:
            self._questions.pop(number, None)
        if not is_answered:
            return None
        if not question.is_done:
            raise PersonError(question.answer)
        return question.answer

    def _hear_question(self, data: Data, node: str, is_own: bool) -> None:
        if data["to"] != self._node:
            return
        is_done, line = self._do(str(data["deed"]), data["data"], node)
        answer = {"to": node, "id": data["id"], "is_done": is_done, "line": line}
        self._notices.tell("done", answer)

    def _do(self, deed: str, data: Data, node: str) -> tuple[bool, str]:
        if deed not in self._deeds:
            return False, "Their server is an older one, and cannot do that."
        try:
            return True, self._deeds[deed](data, node)
        except PersonError as error:
            return False, str(error)
        except Exception as error:
            self._failed(f"doing what another server asks for ({deed:.20})", error)
            return False, "Something went wrong on their server. Its operator has been told what."

    def _hear_answer(self, data: Data, node: str, is_own: bool) -> None:
        if data["to"] != self._node:
            return
        with self._lock:
            question = self._questions.get(str(data["id"]))
            if question is not None:
                question.answer = clean_line(str(data["line"]))
                question.is_done = data["is_done"] is True
                question.answered.set()
