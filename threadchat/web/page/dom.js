// Makes elements. Text of strangers becomes a text node and nothing else (promise 4).

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
	menu: "M4 7h16M4 12h16M4 17h10",
	people: "M9 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M2 20c1-7 13-7 14 0M16 4.5a4 4 0 0 1 0 7M18 15c2 1 3.5 2.5 4 5",
	search: "M10 4a6 6 0 1 0 0 13 6 6 0 0 0 0-13m5 11 5 5",
	settings: "M4 7h16M4 17h16M15 4v6M9 14v6",
	close: "m6 6 12 12M18 6 6 18",
	send: "M12 19V5m-6 6 6-6 6 6",
	plus: "M12 5v14M5 12h14",
	code: "M4 4h6v6H4zm10 0h6v6h-6zM4 14h6v6H4zm10 0h2m4 0v6m-6 0h2m1-3h0",
	down: "M12 5v14m-6-6 6 6 6-6",
};

export const on = (target, event, act) => target.addEventListener(event, act);

export const byId = (id) => document.getElementById(id);

export const put = (id, ...children) => byId(id).replaceChildren(...children);

// `what` is a tag, or a tag and classes, as in "span.name c1".
export function make(what, attributes = {}, ...children) {
	const [tag, style] = what.split(".");
	const element = document.createElement(tag);
	if (style) element.className = style;
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
	element.append(...children);
	return element;
}

export const bdi = (text) => make("bdi", {}, text);

// Words that only a screen reader is told.
export const unseen = (text) => make("span.unseen", {}, text);

export function button(act, attributes, ...children) {
	const made = make("button", attributes, ...children);
	made.onclick = act;
	return made;
}

export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	const path = document.createElementNS(SVG, "path");
	svg.setAttribute("viewBox", "0 0 24 24");
	path.setAttribute("d", ICONS[name]);
	svg.append(path);
	return svg;
}

export const cross = (act, style) =>
	button(act, { class: `icon ${style}`, "aria-label": "Close" }, icon("close"));

// Shows `items` in `list`. A child whose key stays is kept, and so is its focus.
export function showList(list, items, keyOf, create, update) {
	const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
	items.forEach((item, at) => {
		const key = keyOf(item);
		const child = old.get(key) ?? create(key);
		old.delete(key);
		child.dataset.key = key;
		update(child, item);
		if (list.children[at] !== child) list.insertBefore(child, list.children[at] ?? null);
	});
	for (const child of old.values()) child.remove();
}

// Returns a function that has `work` done once, however often it is called.
export function soon(work) {
	let due;
	const run = () => {
		due = undefined;
		work();
	};
	return () => (due ??= setTimeout(run, 16));
}
