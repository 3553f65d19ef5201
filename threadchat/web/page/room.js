// Knows the room one is in, and what was said in others since one was there.

import { fold } from "./text.js";

export function newRoom({ room, topic, people }) {
	const here = new Map(); // { name, away, idle } by the folded name
	const add = (name, away = null, idle = null) => here.set(fold(name), { name, away, idle });
	const remove = (name) => here.delete(fold(name));
	const isBack = ({ name }) => here.has(fold(name)) && add(name);
	for (const { name, is_away } of people) add(name, is_away ? "" : null);

	const CHANGES = {
		join: (o) => o.names.forEach((name) => add(name)),
		left: (o) => remove(o.name),
		left_together: (o) => o.names.forEach(remove),
		left_with_server: (o) => o.names.forEach(remove),
		name(o) {
			const away = here.get(fold(o.before))?.away;
			remove(o.before);
			add(o.now, away);
		},
		you(o) {
			remove(o.before);
			add(o.name, o.away);
			it.topic = o.topic;
		},
		topic: (o) => (it.topic = o.text),
		away: (o) => add(o.name, o.text),
		back: isBack,
		say: isBack,
		do: isBack,
		who(o) {
			here.clear();
			for (const { name, away, idle } of o.entries) add(name, away, idle);
		},
	};

	const it = {
		name: room,
		topic,

		// Returns whether the server counts more people: of a crowd it names only some.
		take(o) {
			CHANGES[o.kind]?.(o);
			return o.here !== undefined && o.here !== here.size;
		},

		people: () => [...here.values()].sort((a, b) => a.name.localeCompare(b.name)),
	};
	return it;
}

let byName = new Map(); // the rooms there are, { name, people, topic, epoch, seq }

export const rooms = {
	seen: {}, // of each `#room`, the last place while one was there

	elsewhere: (here) =>
		[...byName.values()]
			.filter(({ name }) => name !== here)
			.map((it) => ({ ...it, unread: unread(it) })),

	// The answer to `/rooms` has the topics, `rooms_now` has the numbers.
	take(o) {
		const entries = (o.rooms ?? o.entries).map((it) => {
			const name = it.room ?? it.name;
			return [name, { ...byName.get(name), ...it, name }];
		});
		byName = new Map(entries);
	},

	leave(name, { epoch, seq }) {
		const known = byName.get(name);
		const isLater = known && (!epoch || (known.epoch === epoch && known.seq > seq));
		rooms.seen[`#${name}`] = isLater ? known : { epoch, seq };
	},
};

// In another epoch all is new.
function unread({ name, epoch, seq = 0 }) {
	const seen = rooms.seen[`#${name}`];
	return seen ? Math.max(0, seen.epoch === epoch ? seq - seen.seq : seq) : 0;
}
