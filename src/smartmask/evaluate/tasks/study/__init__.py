"""User studies: folders of pictures of two or more systems come in, a page to judge on goes out, and scores of the
answers. The page never says which system a picture is of.
"""
