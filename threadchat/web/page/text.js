// Names and words: how they are compared, coloured, and cut into links and mentions.

import { make } from "./dom.js";

const LINK = /https?:\/\/[^\s<>"]+/giu;
const WORD = /([\p{L}\p{N}][\p{L}\p{N}\p{M}_.-]*)/gu;

// The form in which the server compares names.
export const fold = (name) => name.normalize("NFKC").toLowerCase().normalize("NFKC");

// CRC-32 modulo eight; terminals take it modulo four.
export function colorOf(name) {
	let crc = -1;
	for (const byte of new TextEncoder().encode(fold(name))) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return `c${(~crc >>> 0) % 8}`;
}

export const avatar = (name) =>
	make(`span.avatar ${colorOf(name)}`, { "aria-hidden": true }, [...name][0].toUpperCase());

// A name may end in a mark, or have one behind it.
const isCalled = (word, me) =>
	[word, word.replace(/[._-]+$/u, "")].some((it) => fold(it) === fold(me));

export const mentions = (text, me) => text.split(WORD).some((word) => isCalled(word, me));

export function nodesOf(text, me) {
	const nodes = [];
	let end = 0;
	const put = (until) => nodes.push(...marked(text.slice(end, until), me));
	for (const { 0: found, index } of text.matchAll(LINK)) {
		put(index);
		// Marks behind a link belong to the sentence, and so does a bracket opened before it.
		let url = found.replace(/[.,;:!?'’*]+$/u, "");
		if (url.endsWith(")") && !url.includes("(")) url = url.slice(0, -1);
		nodes.push(make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
		end = index + url.length;
	}
	put();
	return nodes;
}

function marked(text, me) {
	if (!me) return [text];
	return text.split(WORD).map((part) => (isCalled(part, me) ? make("mark", {}, part) : part));
}
