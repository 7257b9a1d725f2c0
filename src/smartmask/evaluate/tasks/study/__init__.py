"""User studies: folders of pictures of two or more systems come in, a page to judge on and scores of the answers go
out. The page never says which system a picture is of.
"""
