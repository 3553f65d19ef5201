// Puts the page together: what comes goes to where it is shown, and back.

import * as composer from "./composer.js";
import * as connection from "./connection.js";
import { askFor, openPerson, prepareSearch, showFound } from "./dialogs.js";
import { bdi, byId, icon, on, put, soon } from "./dom.js";
import * as join from "./join.js";
import { closeDrawer, isWide, prepareDrawers } from "./layout.js";
import { newLog } from "./log.js";
import { call, showUnread } from "./notify.js";
import { newRoom, rooms } from "./room.js";
import { showMe, showPeople, showPrivates, showRooms } from "./sidebar.js";
import { choices, choose, keepSession, keptSession } from "./storage.js";
import { fold, mentions } from "./text.js";

// A view is a conversation: { key, name, log, unread, draft }. Its key is a folded name, or "".
const privates = new Map(); // the other views by their keys
const kept = keptSession();
rooms.seen = kept.rooms ?? {};
const settings = byId("settings-dialog");
let me = choices().name ?? "";
let commands = [];
let room, roomView; // where one is
let coming; // the view of a room where one is about to be
let view; // that is shown
let isReplay = false;
let unsure = []; // lines of a session that is over, which may have been said

join.setName(me);
join.prepare((kind, text) => connection.send({ kind, text }), connection.open);
composer.prepare(say, () => ({
	commands,
	people: room.people().map(({ name }) => name),
	rooms: rooms.elsewhere().map(({ name }) => name),
}));
prepareDrawers((which) => connection.say(which === "people" ? "/who" : "/rooms"));
connection.prepare(kept, {
	object: (o) => (isOld(o) && o.kind !== "private") || (HANDLERS[o.kind] ?? happened)(o),
	state: showState,
	unsure: (lines) => (unsure = lines),
});

// What is said

function say(text) {
	put("status");
	const isCommand = /^\/(?!\/|me\s)/u.test(text);
	const sent = view.key && !isCommand ? `/msg ${view.name} ${text}` : text;
	const about = { key: view.key, room: room.name, me, shown: text, isCommand };
	view.log.wait(connection.say(sent, about));
}

const views = () => [roomView, ...privates.values()].filter(Boolean);

function taken({ n }) {
	connection.outbox.taken(n);
	for (const { log } of views()) log.settle((line) => line.n <= n);
}

// Lines are served in their order: what comes is for the first that has no answer yet.
const answered = () => views().flatMap(({ log }) => log.waiting()).sort((a, b) => a.n - b.n)[0];

function refused() {
	const line = answered();
	if (line && !line.isCommand) viewFor(line).log.fail(line);
}

// The page asks for lists by itself, too, and then shows no line.
function listed(o) {
	if (answered()?.isCommand) view.log.addEvent(o);
	refresh();
}

// What comes from the server

const HANDLERS = {
	hello: (o) => connection.hasSession() || join.hello(o),
	ask: answer,
	session(o) {
		isReplay = false;
		if (!o.is_resumed) {
			kept.seen = 0;
			if (roomView) connection.say("/last 200"); // more than comes by itself
		}
		setName(o.name);
		taken({ n: o.taken });
		join.show(false);
	},
	you,
	no_session: join.rejoin,
	commands: (o) => (commands = o.commands),
	room: enter,
	rooms_now: (o) => refresh(rooms.take(o)),
	rooms(o) {
		if (!o.word) rooms.take(o);
		listed(o);
	},
	who(o) {
		if (o.is_here) room?.take(o);
		listed(o);
	},
	last: (o) => o.room === room?.name && roomView.log.addEarlier(o.messages, me),
	search: showFound,
	say: spoken,
	do: spoken,
	private: privately,
	taken_back: (o) => viewOf(o.room).log.takeBack(o),
	taken,
	replay_begins: () => (isReplay = true),
	replay_ends: () => (isReplay = false),
	problem,
	goodbye(o) {
		join.greet(o.text);
		put("banner-text", o.text);
		if (connection.hasSession() && !view) join.show(true);
	},
};

const isOld = (o) => o.p <= kept.seen; // it was shown before the page was loaded anew

function happened(o) {
	if (!connection.hasSession()) return join.greet(o.text);
	if (o.kind === "name") rename(o);
	if (room && o.room === room.name && room.take(o)) connection.say("/who");
	(o.room ? viewOf(o.room) : view)?.log.addEvent(o);
	refresh();
}

async function answer({ what, question }) {
	if (what !== "secret") return join.ask(what, question);
	const options = { type: "password", isOptional: true };
	const text = (await askFor(question, "Nobody is shown it", options)) ?? "";
	return connection.send({ kind: "secret", text });
}

// What the server says of the reader.
function you(o) {
	room?.take({ ...o, before: me });
	setName(o.name);
	refresh();
}

function setName(name) {
	me = name;
	choose({ name });
	join.setName(name);
	showMe(name);
}

function enter(o) {
	let its = view;
	if (o.room !== room?.name) {
		if (room) rooms.leave(room.name, roomView.log.last);
		roomView?.log.element.remove();
		its = roomView = viewOf(o.room);
		coming = undefined;
	}
	room = newRoom(o);
	// After the page was loaded anew, what was not sent is still on its way.
	for (const line of connection.outbox.lines) if (line.shown) viewFor(line).log.wait(line);
	const isHere = (line) => line.key || line.room === room.name;
	for (const line of unsure.filter(isHere)) viewFor(line).log.fail(line);
	unsure = unsure.filter((line) => !isHere(line));
	show(its);
	roomView.log.setLive();
	if (isWide.matches) connection.say("/rooms"); // for their topics
}

function spoken(o) {
	const its = viewOf(o.room);
	if (its === roomView) room.take(o);
	if (!its.log.addSpoken(o, me)) return;
	if (o.name === me) {
		its.log.settleFirst();
		unsure = unsure.filter(({ shown }) => !shown.endsWith(o.text));
	} else if (!isReplay && !isSeen(its)) {
		its.unread++;
		if (mentions(o.text, me)) call(`${o.name} in ${o.room}`, o.text, () => show(its));
	}
	refresh();
}

function privately(o) {
	const its = privateWith(o.is_own ? o.recipient : o.sender);
	const seq = (its.log.last.seq ?? 0) + 1; // so that a gap can be counted
	its.log.addSpoken({ ...o, seq, kind: "say", name: o.is_own ? me : o.sender }, me);
	if (o.is_own) its.log.settleFirst();
	if (isOld(o)) return;
	if (o.is_own) show(its);
	else if (!isSeen(its)) {
		its.unread++;
		view?.log.addEvent(o);
		call(`${its.name} to you alone`, o.text, () => show(its));
	}
	refresh();
}

function problem(o) {
	if (!connection.hasSession()) return join.problem(o.text);
	put("status", o.text);
	refused();
}

function rename({ before, now }) {
	const its = privates.get(fold(before));
	if (!its || privates.has(fold(now))) return;
	privates.delete(its.key);
	Object.assign(its, { key: fold(now), name: now });
	privates.set(its.key, its);
}

// What is shown

function newView(key, name) {
	const again = (line) => (show(its), say(line.shown));
	const label = key ? `Private conversation with ${name}` : `Said in ${name}`;
	const log = newLog(label, { top: () => loadEarlier(its), moved: refresh, again });
	const its = { key, name, log, unread: 0, draft: "" };
	byId("views").append(log.element);
	return its;
}

// What was said in a new room comes before the room itself.
function viewOf(name) {
	if (name === room?.name) return roomView;
	if (coming?.name !== name) coming = newView("", name);
	return coming;
}

function privateWith(name) {
	const key = fold(name);
	if (!privates.has(key)) privates.set(key, newView(key, name));
	const its = privates.get(key);
	its.log.setLive();
	return its;
}

const viewFor = (line) => (line.key ? privateWith(line.key) : roomView);

function loadEarlier(its) {
	if (its.key || its.wasAsked) return;
	its.wasAsked = true;
	connection.say("/last 200");
}

const isSeen = (its) => view === its && !document.hidden;

function show(its) {
	if (its !== view) {
		if (view) {
			view.draft = composer.input.value;
			view.log.element.hidden = true;
		}
		view = its;
		composer.show(its.draft);
		its.log.element.hidden = false;
	}
	closeDrawer();
	look();
	// The keyboard of a phone would come up.
	if (!matchMedia("(pointer: coarse)").matches) composer.input.focus();
}

function look() {
	if (view && !document.hidden) view.unread = 0;
	refresh();
}

const refresh = soon(() => {
	if (!view) return;
	const unread = views().reduce((sum, its) => sum + its.unread, 0);
	const people = room.people();
	const { key, name, log } = view;
	const here = { name: room.name, people: people.length, unread: roomView.unread, isShown: !key };
	showRooms([here, ...rooms.elsewhere(room.name)], goTo);
	showPrivates([...privates.values()], view, (to) => show(privates.get(to)));
	showPeople(people, me, meet);
	put("where-name", bdi(key ? name : `#${name}`));
	put("topic", key ? "Only the two of you see this" : room.topic || "Set a topic");
	byId("topic").disabled = key !== "";
	byId("elsewhere").hidden = unread === 0;
	byId("new-lines").hidden = log.isAtEnd;
	put("new-lines", icon("down"), log.newLines ? `${log.newLines} new` : "To the end");
	composer.hint(key ? `Write to ${name} alone` : `Say something in ${name}`);
	showUnread(unread, name);
});

const BANNERS = {
	lost: "The connection is lost. Trying again. What you write is kept.",
	replaced: "This chat goes on in another window.",
};

function showState(state) {
	byId("banner").hidden = !BANNERS[state];
	put("banner-text", BANNERS[state] ?? "");
	if (state === "lost") join.greet("No answer yet. Trying again …");
	if (state === "ended" || (state === "lost" && !view)) join.show(true);
}

// What the reader does

const goTo = (name) => (name === room.name ? show(roomView) : connection.say(`/join ${name}`));

function meet(name) {
	if (name === me) return settings.showModal();
	return openPerson(name, [
		["Write privately", () => show(privateWith(name))],
		["Mention", () => composer.insert(`${name} `)],
		["Ignore", () => say(`/ignore ${name}`)],
	]);
}

async function command(name, title, label, options) {
	settings.close();
	const text = await askFor(title, label, options);
	if (text !== null) say(`/${name} ${text}`.trim());
}

const CLICKS = {
	"banner-button": connection.open,
	"new-lines": () => view.log.toEnd(),
	"new-room": () => command("join", "Another room", "Its name, old or new"),
	topic: () => command("topic", "The topic of this room", "A new one; - clears it", { value: room.topic }),
	me: () => settings.showModal(),
	invite: () => byId("code-dialog").showModal(),
	"change-name": () => command("nick", "Your name", "The new one", { value: me }),
	"go-away": () => command("away", "You are away", "Why, if you like", { isOptional: true }),
	leave() {
		settings.close();
		connection.send({ kind: "leave" });
	},
	views({ target }) {
		const name = target.closest("[data-name]")?.dataset.name;
		if (name) meet(name);
	},
};
for (const [id, act] of Object.entries(CLICKS)) on(byId(id), "click", act);
for (const it of document.querySelectorAll("[data-icon]")) it.prepend(icon(it.dataset.icon));
on(document, "visibilitychange", look);
on(composer.input, "input", () => put("status"));
keepSession(() => ({ ...connection.values(), rooms: rooms.seen }));
prepareSearch((words) => connection.say(`/search ${words}`));
if (!connection.hasSession()) join.show(true);
connection.open();
