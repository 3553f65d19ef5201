"""The browser door: HTTP, WebSocket, and the page.

It needs the packages of the extra `web`. It knows nothing of terminals and of their handlers.
"""
