"""What the service does, one file a kind of request: bodies and a session's inputs come in, answers as JSON go out.

It never knows of HTTP: routes, jobs and errors are dealt with elsewhere.
"""
