"""A stand-in for an OpenAI-compatible model endpoint: the model `embedded-rules`, which is no AI.

It is rules and templates: the same request gets the same answer. It reads what a run was given, calls the
tools that it was offered one step at a time, writes a modest mail from stated facts only, and says
`"ai": false` wherever it answers. It may block; it never makes anything more allowed than it was.
"""
