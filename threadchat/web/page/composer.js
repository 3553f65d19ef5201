// The line to type in: Enter sends, Up brings back, Tab completes, / shows the commands.

import { byId, make, on } from "./dom.js";
import { fold } from "./text.js";

const commandsFor = (text, commands) =>
	text ? commands.filter(({ name }) => `/${name}`.startsWith(text.toLowerCase())) : [];

// Returns { start, words }: what can stand from `start` on.
function completionsOf(text, { commands, people, rooms }) {
	const found = commandsFor(text, commands);
	if (found.length) return { start: 0, words: found.map(({ name }) => `/${name} `) };
	const [, command] = /^\/(\S+) \S*$/u.exec(text) ?? [];
	const isRoom = /ROOM/u.test(commands.find(({ name }) => name === command)?.arguments);
	let start = text.lastIndexOf(" ") + 1;
	const hasSign = /[@#]/u.test(text[start]);
	if (hasSign) start++;
	if (start === text.length && !hasSign && !command) return { start, words: [] };
	const begun = fold(text.slice(start));
	const known = (isRoom ? rooms : people).filter((name) => fold(name).startsWith(begun));
	return { start, words: known.map((name) => name + (start ? " " : ": ")) };
}

export const input = byId("line");
const list = byId("completions");
const past = []; // what was said, oldest first
let at = 0; // which of it is shown; its length: what is being typed
let draft = "";
let cycle; // what Tab goes through: { start, words, at, rest }
let chosen; // in the list
let say;
let known; // returns { commands, people, rooms }

export function show(text, caret = text.length) {
	input.value = text;
	input.setSelectionRange(caret, caret);
	offer([]);
}

function send(event) {
	event.preventDefault();
	const text = input.value.trim();
	if (!text) return;
	past.push(text);
	at = past.length;
	show("");
	say(text);
}

function recall(step) {
	if (at + step < 0 || at + step > past.length) return;
	if (at === past.length) draft = input.value;
	at += step;
	show(past[at] ?? draft);
}

function complete() {
	const { value, selectionStart: caret } = input;
	cycle ??= { ...completionsOf(value.slice(0, caret), known()), at: -1, rest: value.slice(caret) };
	const { start, words, rest } = cycle;
	if (!words.length) return false; // Tab goes on to the next element, then
	cycle.at = (cycle.at + 1) % words.length;
	const head = value.slice(0, start) + words[cycle.at];
	show(head + rest, head.length);
	return true;
}

function offer(commands) {
	list.hidden = !commands.length;
	input.ariaExpanded = !list.hidden;
	list.replaceChildren(
		...commands.map(({ name, arguments: wanted, summary }) =>
			make(
				"div",
				{ role: "option", id: `option-${name}` },
				make("b", {}, `/${name} `),
				wanted,
				make("small", {}, summary),
			),
		),
	);
	choose();
}

function choose(option) {
	if (chosen) chosen.ariaSelected = false;
	chosen = option;
	chosen?.setAttribute("aria-selected", true);
	chosen?.scrollIntoView({ block: "nearest" });
	input.setAttribute("aria-activedescendant", chosen?.id ?? "");
}

function take(option) {
	show(option.firstChild.textContent);
	return true;
}

function walk(step, next) {
	if (list.hidden) recall(step);
	else choose(next);
	return true;
}

// Each returns whether the key has done its work here.
const KEYS = {
	Enter: () => chosen && take(chosen),
	Tab: () => (chosen ? take(chosen) : complete()),
	ArrowUp: () => walk(-1, chosen?.previousSibling ?? list.lastChild),
	ArrowDown: () => walk(1, chosen?.nextSibling ?? list.firstChild),
	Escape: () => offer([]),
};

export function prepare(sayLine, whatIsKnown) {
	say = sayLine;
	known = whatIsKnown;
}

export function insert(words) {
	input.setRangeText(words, input.selectionStart, input.selectionEnd, "end");
	input.focus();
}

export function hint(text) {
	input.placeholder = text;
	input.ariaLabel = text;
}

on(input, "keydown", (event) => {
	const { key, isComposing, shiftKey, altKey, ctrlKey, metaKey } = event;
	// While an input method is at work, the keys are its own.
	if (isComposing || shiftKey || altKey || ctrlKey || metaKey) return;
	if (KEYS[key]?.()) event.preventDefault();
	if (key !== "Tab") cycle = undefined;
});
on(input, "input", () => {
	cycle = undefined;
	offer(commandsFor(input.value, known().commands));
});
on(input, "paste", (event) => {
	const text = event.clipboardData.getData("text").trim();
	if (!text.includes("\n")) return;
	event.preventDefault(); // the browser would leave the line breaks out and join words
	insert(text.replace(/\s*\n\s*/gu, " "));
});
on(input, "blur", () => offer([]));
// Neither the list nor the button takes the focus: the keyboard of a phone would go down.
for (const it of [list, byId("send")]) on(it, "pointerdown", (event) => event.preventDefault());
on(list, "click", ({ target }) => target !== list && take(target.closest("[role=option]")));
on(byId("composer"), "submit", send);
