// Keeps one session with the server over as many WebSockets as that takes, for ever.

import { on } from "./dom.js";
import { newOutbox } from "./outbox.js";

const SILENT = 25_000; // ms without a sign, then we ask for one
const ANSWER = 5_000; // within which it has to come
const FIRST_DELAY = 300;
const MAX_DELAY = 10_000;

const FINAL = [1000, 1008];
const TRY_LATER = 1013;
const REPLACED = 4000;

export let outbox;
let tell;
let key = "";
let room = "";
let position = ""; // a page that is loaded anew is told all again
let seen = 0; // the number of the last private object
let state, socket, timer, retry, heardAt, isResuming;
let tries = 0;

export function open() {
	detach();
	isResuming = key !== "";
	if (!isResuming) seen = 0;
	const address = location.origin.replace("http", "ws");
	socket = new WebSocket(`${address}/ws${isResuming ? "?resume" : ""}`);
	expectSign(MAX_DELAY);
	socket.onopen = () => isResuming && send({ kind: "resume", key, room, position, private: seen });
	socket.onmessage = receive;
	socket.onclose = ({ code }) => lost(code);
}

function detach() {
	clearTimeout(timer);
	clearTimeout(retry);
	if (!socket) return;
	socket.onopen = socket.onmessage = socket.onclose = null;
	socket.close(); // if it is dead, that takes a minute
	socket = undefined;
}

export function send(o) {
	if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(o));
}

function sendLine(line) {
	line.wasSent = true;
	send({ kind: "line", n: line.n, text: line.text });
}

function receive({ data }) {
	heardAt = Date.now();
	clearTimeout(timer);
	const before = seen;
	for (const text of data.split("\n")) if (text) take(JSON.parse(text));
	if (seen > before) send({ kind: "seen", private: seen });
}

function take(o) {
	// The server greets first, as always: not for us.
	if (isResuming && !["session", "no_session", "goodbye"].includes(o.kind)) return;
	if (o.p <= seen || o.kind === "pong") return;
	seen = o.p ?? seen;
	if (o.kind === "session") {
		isResuming = false;
		tries = 0;
		key = o.key;
		if (!o.is_resumed) tell.unsure(outbox.restart(room));
	}
	if (o.kind === "no_session") forget();
	if (o.kind === "ask" && !key) become("asking");
	if (o.kind === "room") {
		if (o.room !== room) position = "";
		room = o.room;
	}
	tell.object(o);
	// What was said in a room before one came is shown before the room itself.
	if (o.position && o.room === room && o.kind !== "taken_back") position = o.position;
	if (o.kind === "session") {
		become("live");
		outbox.lines.forEach(sendLine);
	}
}

function forget() {
	isResuming = false;
	key = position = "";
	seen = 0;
}

function become(now) {
	if (state !== now) tell.state((state = now));
}

function expectSign(within) {
	clearTimeout(timer);
	timer = setTimeout(lost, within);
}

function ask() {
	heardAt = Date.now(); // asks once
	send({ kind: "ping" });
	expectSign(ANSWER);
}

function lost(code) {
	detach();
	if (code === REPLACED) return become("replaced");
	if (FINAL.includes(code)) {
		forget();
		room = "";
		return become("ended");
	}
	// Not all knock at once when a server is back.
	const longest = Math.min(MAX_DELAY, FIRST_DELAY * 1.7 ** tries++);
	const delay = longest * (0.5 + Math.random() / 2);
	retry = setTimeout(open, code === TRY_LATER ? MAX_DELAY : delay);
	if (code !== TRY_LATER) become("lost"); // else it was told why
}

function check() {
	if (document.hidden) return;
	if (state === "lost") open();
	if (state === "live") ask();
}

// `kept` is the session of an earlier load. `unsure` gets lines that may have been said or not,
// `state` each new state: asking, live, lost, and ended or replaced, after which only `open` helps.
export function prepare(kept, callbacks) {
	tell = callbacks;
	outbox = newOutbox(kept.outbox);
	({ key = "", room = "" } = kept);
}

export const hasSession = () => key !== "";

export const values = () => ({ key, room, seen, outbox });

export function say(text, about) {
	const line = outbox.add({ ...about, text });
	if (state === "live") sendLine(line);
	return line;
}

setInterval(() => state === "live" && Date.now() - heardAt > SILENT && ask(), ANSWER);
on(window, "online", check);
on(window, "pagehide", () => socket && (lost(), detach())); // it may be kept
on(window, "pageshow", check);
on(document, "visibilitychange", check);
