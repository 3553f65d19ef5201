// Calls for attention: the count in the title, the dot in the icon, a sound, a notification.

import { byId, on, put } from "./dom.js";
import { choices, choose } from "./storage.js";

const sound = byId("set-sound");
const notify = byId("set-notify");
let audio;

function ring() {
	audio ??= new AudioContext();
	const end = audio.currentTime + 0.3;
	const note = new OscillatorNode(audio, { frequency: 880 });
	const volume = new GainNode(audio, { gain: 0.1 });
	volume.gain.linearRampToValueAtTime(0, end);
	note.connect(volume).connect(audio.destination);
	note.start();
	note.stop(end);
}

sound.checked = choices().sound;
on(sound, "change", () => {
	choose({ sound: sound.checked });
	if (sound.checked) ring();
});

notify.disabled = !isSecureContext || !("Notification" in window);
if (notify.disabled) put("notify-why", "Browsers show notifications only of https pages.");
else notify.checked = choices().notify && Notification.permission === "granted";
on(notify, "change", async () => {
	const isGiven = notify.checked && (await Notification.requestPermission()) === "granted";
	notify.checked = isGiven;
	choose({ notify: isGiven });
});

export function showUnread(number, where) {
	document.title = `${number ? `(${number}) ` : ""}${where} – threadchat`;
	byId("icon").href = number ? "/icon-unread.svg" : "/icon.svg";
}

// Calls a reader who looks elsewhere; `open` shows what it is about.
export function call(title, body, open) {
	if (sound.checked) ring();
	if (!notify.checked || document.hasFocus()) return;
	try {
		new Notification(title, { body, icon: "/icon.svg" }).onclick = () => (window.focus(), open());
	} catch {
		// Chrome on Android shows them only for pages with a service worker.
	}
}
