// Makes the elements of a log. Times stand behind the text, hidden from screen readers.

import { bdi, make, unseen } from "./dom.js";
import { avatar, colorOf, mentions, nodesOf } from "./text.js";
import { clockOf, duration, fullTimeOf } from "./times.js";

const timeOf = (at) => make("time", { "aria-hidden": true }, clockOf(at));

const isolated = (text) => make("bdi", {}, ...nodesOf(text));

const nameOf = (name) => make(`bdi.name ${colorOf(name)}`, { "data-name": name }, name);

function line(kind, name, text, me, end) {
	const colon = unseen(kind.startsWith("do") ? " " : ": ");
	const words = make("span.text", { dir: "auto" }, ...nodesOf(text, me));
	return make(`div.line ${kind}`, {}, avatar(name), nameOf(name), colon, words, end);
}

const mark = (...parts) => make("span.mark", {}, ...parts);

export function spokenLine({ kind, name, text, at, apart }, me) {
	const isMention = name !== me && mentions(text, me);
	const end = apart ? mark("said without a link ", timeOf(at)) : timeOf(at);
	return line(isMention ? `${kind} mention` : kind, name, text, isMention && me, end);
}

export const foundLine = ({ room, name, text, at, apart }) =>
	line("say", name, text, "", mark(bdi(room), `, ${fullTimeOf(at)}`, apart ? ", said without a link" : ""));

export const waitingLine = ({ me, shown }) => line("say on-way", me, shown, "", mark("sending …"));

function namesOf(names, count = names.length, most = 5) {
	const shown = names.slice(0, most).flatMap((name, at) => [at ? ", " : "", bdi(name)]);
	return count > most ? [...shown, ` and ${count - most} others`] : shown;
}

const listOf = ({ entries, count = entries.length }, what) =>
	[`${what} (${count}): `, ...namesOf(entries.map(({ name }) => name), count, entries.length)];

const colon = (text) => (text ? [": ", isolated(text)] : []);

function reasonOf(why) {
	const [reason, ...own] = why.split(": ");
	return [` (${reason})`, ...colon(own.join(": "))];
}

const PARTS = {
	join: (o) => [...namesOf(o.names, o.count), " joined"],
	left: (o) => [bdi(o.name), ` left after ${duration(o.seconds)}`, ...reasonOf(o.why)],
	left_together: (o) => [...namesOf(o.names), " left"],
	left_with_server: (o) => [...namesOf(o.names, o.count), " left: their server is gone"],
	link_lost: () => ["No link to the other servers: only people on this one read you now"],
	lines_missed: (o) => [`Lines missed: ${o.missing}`],
	link_back: () => ["The link to the other servers is back"],
	apart_begins: (o) => [
		`Said from ${clockOf(o.begin)} to ${clockOf(o.end)} on a server without a link:`,
	],
	apart_ends: () => ["From here on all read it at once"],
	name: (o) => [bdi(o.before), " is now ", bdi(o.now)],
	topic: (o) => [bdi(o.name), o.text ? " set the topic" : " cleared the topic", ...colon(o.text)],
	away: (o) => [bdi(o.name), " is away", ...colon(o.text)],
	back: (o) => [bdi(o.name), " is back"],
	announcement: (o) => [bdi(o.name), " to all", ...colon(o.text)],
	stop: (o) => ["The server ", "seconds" in o ? `stops in ${duration(o.seconds)}` : "does not stop"],
	gap: (o) => [`Lines said here that are missing: ${o.missing}`],
	muted: (o) => [bdi(o.by), ` muted you${o.seconds ? ` for ${duration(o.seconds)}` : ""}`],
	unmuted: (o) => [bdi(o.by), " lets you speak again"],
	private: (o) => [nameOf(o.sender), " to you alone", ...colon(o.text)],
	info: (o) => [isolated(o.text.replace(/(\S) {2,}| {3,}/gu, "$1\t"))], // in columns
	who: (o) => listOf(o, `In ${o.room}`),
	rooms: (o) => listOf(o, "Rooms"),
	whois: ({ entry: { name, idle }, whereabouts, seconds }) => [
		bdi(name),
		` is ${whereabouts}, here for ${duration(seconds)}`,
		idle ? `, idle for ${duration(idle)}` : "",
	],
};

// Returns undefined if logs do not show the kind of the object.
export function eventLine(o) {
	if (!PARTS[o.kind]) return undefined;
	const text = make("span.text", {}, ...PARTS[o.kind](o));
	return make(`div.line event ${o.kind}`, {}, text, o.at ? timeOf(o.at) : "");
}
