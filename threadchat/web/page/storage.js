// Keeps what outlives the page: choices, and the session of this tab.

import { on } from "./dom.js";
const NAME = "threadchat";

function attempt(work) {
	try {
		return work();
	} catch {} // storage may be forbidden
}

export const choices = () => attempt(() => JSON.parse(localStorage.getItem(NAME))) ?? {};

export const choose = (changes) =>
	attempt(() => localStorage.setItem(NAME, JSON.stringify({ ...choices(), ...changes })));

export const keptSession = () => attempt(() => JSON.parse(sessionStorage.getItem(NAME))) ?? {};

// Only while the page is hidden: a tab that is duplicated copies it, and must not take over.
export function keepSession(collect) {
	const keep = () => attempt(() => sessionStorage.setItem(NAME, JSON.stringify(collect())));
	const drop = () => attempt(() => sessionStorage.removeItem(NAME));
	on(window, "pagehide", keep);
	on(window, "pageshow", drop);
	on(document, "visibilitychange", () => (document.hidden ? keep() : drop()));
}
