// The form at the door: it answers what the server asks, and shows what is wrong where it is wrong.

import { byId, on, put } from "./dom.js";

const fields = { name: byId("join-name"), secret: byId("join-secret") };
const secretField = byId("join-secret-field");
let answer; // sends an answer: answer(kind, text)
let question; // that waits for an answer: { what, isPassword }
let last = "name"; // the field with the last answer
let isReady = false; // whether what stands in the form may be sent
let password = ""; // the server's, for joining again without asking

// `again()` connects anew after an end.
export function prepare(sendAnswer, again) {
	answer = sendAnswer;
	on(byId("join-form"), "submit", (event) => {
		event.preventDefault();
		mark("name", fields.name.value.trim() ? "" : "Choose a name first.");
		mark("secret", "");
		isReady = true;
		if (question) reply();
		else again();
	});
}

function mark(which, text) {
	put(`join-${which}-error`, text);
	fields[which].ariaInvalid = text !== "";
}

function reply() {
	const { what, isPassword } = question;
	last = what === "name" ? what : "secret";
	const text = fields[last].value.trim() || (isPassword && password);
	isReady &&= Boolean(text);
	if (!text) return fields[last].focus();
	if (isPassword) password = text;
	question = undefined;
	return answer(what, text);
}

export function show(isShown) {
	byId("join").hidden = !isShown;
	byId("app").hidden = isShown;
	isReady &&= isShown;
	if (isShown) fields[fields.name.value ? last : "name"].focus();
	else fields.secret.value = "";
}

export const greet = (text) => put("join-greeting", text);

export const hello = ({ asks }) => (secretField.hidden = asks !== "password");

export const setName = (name) => (fields.name.value = name);

export function rejoin() {
	isReady = true;
	greet("Please join again.");
}

export function ask(what, words) {
	question = { what, isPassword: words.startsWith("Password") };
	if (what !== "name") {
		secretField.hidden = false;
		put("join-secret-label", words.replace(/:$/u, ""));
		if (!question.isPassword) fields.secret.value = "";
		if (fields.name.value) last = "secret";
	}
	if (isReady) reply();
	if (!isReady) show(true);
}

export function problem(text) {
	isReady = false;
	mark(last, text);
	if (last === "secret") password = fields.secret.value = "";
}
