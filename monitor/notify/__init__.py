"""Telling people: the words, the outbox, the channels."""
