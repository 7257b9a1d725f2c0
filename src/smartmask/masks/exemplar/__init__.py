"""The bundled mask model: a request comes in, suggestions made of remembered real outlines go out; it draws nothing.

Place says where, memory what outlines there are, choose which of them suit the scene, fit how they meet the guide.
"""
