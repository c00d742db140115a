"""Live: from a stream of samples to coefficients while they are measured.

In flow samples of a Lab Streaming Layer stream or of a replayed recording; out flow muscle
activity and expression coefficients in shared memory, a journal on disk, and streams for other
programs. Whatever talks to the network runs in a child process. This folder may import `signals`,
`models`, `exchange`, `track`, `spaces`, `files` and `errors`, and never bpy.
"""
