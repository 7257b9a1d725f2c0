"""Pictures: files come in as upright pixel arrays or as photos with all that their file says; pictures go out again.

It never decides what is drawn where, and never knows a scene.
"""
