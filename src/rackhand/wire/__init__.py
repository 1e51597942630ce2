"""The agent protocol, version 1: message shapes and their codec, shared by server and agent."""
