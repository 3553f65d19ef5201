// The dialogs: a question for one line, the search, and a person.

import { bdi, button, byId, cross, on, put } from "./dom.js";
import { foundLine } from "./line.js";
import { avatar } from "./text.js";

const asking = byId("ask-dialog");
const searching = byId("search-dialog");
const meeting = byId("person-dialog");

for (const dialog of document.querySelectorAll("dialog")) {
	dialog.append(cross(() => dialog.close(), "cross"));
	on(dialog, "click", ({ target }) => target === dialog && dialog.close());
}

// Returns the line that the person gives, or null.
export function askFor(title, label, { value = "", type = "text", isOptional = false } = {}) {
	const input = byId("ask-input");
	let answer = null;
	put("ask-title", title.replace(/:$/u, ""));
	put("ask-label", label);
	Object.assign(input, { value, type, required: !isOptional });
	byId("ask-form").onsubmit = (event) => {
		event.preventDefault();
		answer = input.value.trim();
		asking.close();
	};
	asking.showModal();
	input.select();
	return new Promise((resolve) => {
		asking.onclose = () => {
			input.value = ""; // it may have been a passphrase
			resolve(answer);
		};
	});
}

export function prepareSearch(search) {
	const words = byId("search-words");
	on(byId("open-search"), "click", () => {
		searching.showModal();
		words.select();
	});
	on(byId("search-form"), "submit", (event) => {
		event.preventDefault();
		search(words.value);
	});
}

export function showFound({ found }) {
	if (!searching.open) searching.showModal();
	put("search-count", found.length ? `${found.length} found, newest first` : "Nothing has all these words.");
	put("search-found", ...found.map(foundLine));
}

// `deeds` are pairs of words and a function.
export function openPerson(name, deeds) {
	put("person-name", avatar(name), bdi(name));
	put("person-deeds", ...deeds.map(([words, act]) => button(() => (meeting.close(), act()), {}, words)));
	meeting.showModal();
}
