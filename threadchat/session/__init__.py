"""One person's side of the chat, whatever they came by: login, conversation, flood control."""
