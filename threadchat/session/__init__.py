"""One person's side of the chat, whatever their door: login, conversation, flood control."""
