// Shows times, in seconds since 1970, in the reader's own language and zone.

const show = (options) => {
	const format = new Intl.DateTimeFormat(undefined, options);
	return (at) => format.format(at * 1000);
};

export const clockOf = show({ hour: "2-digit", minute: "2-digit" });
export const fullTimeOf = show({ dateStyle: "medium", timeStyle: "short" });
const dateOf = show({ dateStyle: "full" });

// The day in words, the same for all times of one day.
export function dayOf(at) {
	const now = Date.now() / 1000;
	const date = dateOf(at);
	return date === dateOf(now) ? "Today" : date === dateOf(now - 86400) ? "Yesterday" : date;
}

export function duration(seconds) {
	if (seconds < 90) return `${Math.round(seconds)} s`;
	if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
	return seconds < 129600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}
