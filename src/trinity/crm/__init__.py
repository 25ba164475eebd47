"""CRM: the people and companies we deal with, what we hope to sell them, and what was written back and forth.

Owns `companies`, `contacts`, `leads`, `deals`, `threads`, `thread_messages`, `activities`. Promises that a person is
one contact however often he writes, that what strangers wrote stays in quarantined sources, and that a timeline
holds ids and enumerations only.
"""
