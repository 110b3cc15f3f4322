"""Messages: how a document becomes a request, and what the model's answer means. Pure."""
