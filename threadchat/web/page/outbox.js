// Keeps each line until the server has taken it. After a resume the rest is sent again, and
// the server drops what it has. So a line is said exactly once.

export function newOutbox({ lines = [], last = 0 } = {}) {
	const box = {
		lines, // oldest first
		last, // the number of the last line

		add(line) {
			box.lines.push(line);
			return Object.assign(line, { n: ++box.last });
		},

		taken(n) {
			box.lines = box.lines.filter((line) => line.n > n);
			box.last = Math.max(box.last, n); // a page that is loaded anew may have kept less
		},

		// Begins a new session, in `room`; returns the lines that may have been taken in the old one.
		restart(room) {
			const unsure = box.lines.filter((line) => line.wasSent && line.shown);
			box.lines = box.lines.filter((line) => !line.wasSent && line.shown);
			if (room && room !== "lobby") box.lines.unshift({ text: `/join ${room}` });
			box.last = 0;
			for (const line of box.lines) line.n = ++box.last;
			return unsure;
		},
	};
	return box;
}
