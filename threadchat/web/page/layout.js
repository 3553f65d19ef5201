// Fits the page to the screen: above the keyboard of a phone, and with drawers where it is narrow.

import { byId, cross, on } from "./dom.js";

const SIDES = ["rooms", "people"];
export const isWide = matchMedia("(min-width: 900px)"); // the columns stand side by side
let open = ""; // the drawer that is open, if any

// What cannot be seen, or is behind a drawer, cannot have the focus.
function arrange() {
	if (isWide.matches) open = "";
	for (const which of SIDES) {
		const side = byId(`${which}-side`);
		side.classList.toggle("open", open === which);
		side.inert = open !== which && !isWide.matches;
		byId(`open-${which}`).ariaExpanded = open === which;
	}
	byId("talk").inert = open !== "";
	byId("shade").hidden = open === "";
}

export function closeDrawer() {
	const opener = byId(`open-${open}`);
	open = "";
	arrange();
	opener?.focus();
}

export function prepareDrawers(onOpen) {
	for (const which of SIDES) {
		const side = byId(`${which}-side`);
		const closer = cross(closeDrawer, "close-side");
		side.firstElementChild.append(closer);
		on(byId(`open-${which}`), "click", () => {
			open = which;
			arrange();
			closer.focus();
			onOpen(which);
		});
		// Brings up to date what always stands there.
		on(side, "pointerenter", () => isWide.matches && onOpen(which));
	}
	arrange();
}

on(byId("shade"), "click", closeDrawer);
on(window, "keydown", ({ key }) => key === "Escape" && closeDrawer());
on(isWide, "change", arrange);

// Safari on iOS leaves the page as high as it was, and moves it up behind the keyboard.
const seen = visualViewport;
function follow() {
	if (seen.scale > 1.01) return; // somebody looks closer
	const { style } = document.documentElement;
	style.setProperty("--height", `${seen.height}px`);
	style.setProperty("--top", `${seen.offsetTop}px`);
}
on(seen, "resize", follow);
on(seen, "scroll", follow);
