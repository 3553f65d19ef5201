// Shows the columns at the sides: rooms, private conversations, people.

import { bdi, button, byId, icon, make, put, showList, unseen } from "./dom.js";
import { avatar } from "./text.js";
import { duration } from "./times.js";

const item = (act) => (key) => make("li", {}, button(() => act(key)));

const label = (name, note) =>
	make("span.label", {}, bdi(name), note ? make("small", { dir: "auto" }, note) : "");

const count = (number, what, style) => make(`span.${style}`, {}, number, unseen(` ${what}`));

const badge = (number) => (number ? count(number, "new", "badge") : "");

function fill({ firstChild }, isShown, ...parts) {
	firstChild.ariaCurrent = isShown ? "page" : "false";
	firstChild.replaceChildren(...parts);
}

export function showRooms(rooms, act) {
	showList(byId("room-list"), rooms, (it) => it.name, item(act), (li, it) => {
		fill(li, it.isShown, label(`#${it.name}`, it.topic), badge(it.unread) || count(it.people, "here", "soft"));
	});
}

export function showPrivates(privates, shown, act) {
	byId("privates").hidden = !privates.length;
	showList(byId("private-list"), privates, (it) => it.key, item(act), (li, it) => {
		fill(li, it === shown, avatar(it.name), label(it.name), badge(it.unread));
	});
}

export function showPeople(people, me, act) {
	put("people-number", people.length);
	showList(byId("people-list"), people, (it) => it.name, item(act), (li, { name, away, idle }) => {
		const notes = name === me ? ["you"] : [];
		if (away !== null) notes.push(away ? `away: ${away}` : "away");
		if (idle) notes.push(`idle for ${duration(idle)}`);
		fill(li, false, avatar(name), label(name, notes.join(", ")));
	});
}

export function showMe(name) {
	put("me", avatar(name), label(name, "Name and settings"), icon("settings"));
}
