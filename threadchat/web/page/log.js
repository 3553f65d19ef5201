// Shows one conversation and keeps the reader's place in it. A screen reader says what is added to a
// live log, so what was said before goes in first.

import { button, make, on } from "./dom.js";
import { eventLine, spokenLine, waitingLine } from "./line.js";
import { dayOf } from "./times.js";

const NEAR = 60; // pixels from an end that count as it
const TOGETHER = 300; // seconds within which lines of one person stand together
const KEPT = 750; // of the newest lines

const placeOf = (o) => `${o?.epoch} ${o?.seq}`;

export function newLog(label, tell) {
	const said = new Map(); // the elements of what has a place, by that place
	const marks = new Map(); // the elements of lines on their way
	const lines = make("div");
	const waiting = make("div", { "aria-live": "off" });
	const about = { role: "log", tabindex: 0, "aria-live": "off", "aria-label": label, hidden: true };
	const element = make("div.log", about, lines, waiting);

	function append(line, o) {
		line.facts = o;
		lines.append(line);
		settle(line);
		if (lines.childElementCount % KEPT === 0) trim();
		if (log.isAtEnd) log.toEnd();
		else if (o.name) log.newLines++;
		tell.moved();
	}

	// Below the reader only the newest stay, behind a gap.
	function trim() {
		const end = log.isAtEnd ? 0 : element.scrollTop + element.clientHeight;
		const gone = [...lines.children].filter((it) => it.offsetTop >= end);
		const next = gone.splice(-KEPT).find((it) => it.facts?.seq);
		if (!next && !log.isAtEnd) return;
		for (const it of gone) {
			said.delete(placeOf(it.facts));
			it.remove();
		}
		if (next) showGap(next);
	}

	// A day line stands before the first of a day; lines of one person stand together.
	function settle(line) {
		const o = line.facts;
		if (!o?.at) return;
		const last = line.previousElementSibling?.facts;
		const earlier = factsBefore(line, "at");
		const isNewDay = !earlier || dayOf(earlier.at) !== dayOf(o.at);
		if (isNewDay) {
			for (const day of lines.querySelectorAll(".day")) day.textContent = dayOf(day.dataset.at);
			line.before(make("div.day", { "data-at": o.at }, dayOf(o.at)));
		}
		const goesOn = o.kind === "say" && last?.kind === "say" && o.name === last.name;
		line.classList.toggle("more", goesOn && !isNewDay && o.at - last.at < TOGETHER);
	}

	// Returns the nearest facts with `field` before `line`.
	function factsBefore(line, field) {
		do line = line.previousElementSibling;
		while (line && !line.facts?.[field]);
		return line?.facts;
	}

	// More may have been said while the page was away than came.
	function showGap(line) {
		const { epoch, seq } = line.facts;
		const last = factsBefore(line, "seq");
		const missing = seq - 1 - (last?.epoch === epoch ? last.seq : 0);
		if (last && missing > 0) line.before(eventLine({ kind: "gap", missing }));
	}

	function forget(line) {
		marks.get(line).remove();
		marks.delete(line);
	}

	const log = {
		element,
		last: {}, // that was said
		isAtEnd: true,
		newLines: 0, // below what is seen

		setLive: () => requestAnimationFrame(() => (element.ariaLive = "polite")),

		toEnd() {
			element.scrollTop = element.scrollHeight;
			log.isAtEnd = true;
			log.newLines = 0;
			tell.moved();
		},

		// Returns whether the words are new.
		addSpoken(o, me) {
			if (o.seq && said.has(placeOf(o))) return false;
			const line = spokenLine(o, me);
			if (o.seq) said.set(placeOf(o), line);
			log.last = o;
			append(line, o);
			return true;
		},

		addEvent(o) {
			const line = eventLine(o);
			if (line) append(line, { at: o.at });
		},

		addEarlier(messages, me) {
			const fromEnd = element.scrollHeight - element.scrollTop;
			let before, isNew;
			for (const o of messages.reverse()) {
				let line = said.get(placeOf(o));
				isNew = !line;
				if (isNew) {
					if (!before) continue; // it is about to come by itself
					line = spokenLine(o, me);
					said.set(placeOf(o), line);
					line.facts = o;
					lines.insertBefore(line, before);
				}
				before = line;
			}
			if (before && isNew) showGap(before);
			for (const day of lines.querySelectorAll(".day")) day.remove();
			[...lines.children].forEach(settle);
			element.scrollTop = element.scrollHeight - fromEnd;
		},

		takeBack(o) {
			const line = said.get(placeOf(o));
			line?.classList.add("gone");
			line?.querySelector(".text").replaceChildren("taken back");
		},

		// A line is on its way ...
		wait(line) {
			if (marks.has(line)) return;
			marks.set(line, waitingLine(line));
			waiting.append(marks.get(line));
			log.toEnd();
		},

		waiting: () => [...marks.keys()].filter((line) => !line.isFailed),

		// ... has come back ...
		settle: (isIt) => log.waiting().filter(isIt).forEach(forget),

		settleFirst: () => log.waiting().filter((line) => !line.isCommand).slice(0, 1).forEach(forget),

		// ... or was not sent.
		fail(line) {
			line.isFailed = true;
			log.wait(line);
			const again = button(() => (forget(line), tell.again(line)), {}, "Send again");
			const never = button(() => forget(line), {}, "Forget it");
			marks.get(line).querySelector(".mark").replaceChildren("not sent ", again, " ", never);
			log.toEnd();
		},
	};

	on(element, "scroll", () => {
		const { scrollTop, scrollHeight, clientHeight } = element;
		if (!clientHeight) return;
		log.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
		if (log.isAtEnd) log.newLines = 0;
		tell.moved();
		if (scrollTop < NEAR && scrollHeight > clientHeight) tell.top();
	});
	// The keyboard of a phone makes it smaller. A reader at the end stays there.
	new ResizeObserver(() => log.isAtEnd && log.toEnd()).observe(element);
	return log;
}
