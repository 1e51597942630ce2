"""The web pages: HTML first, over the same use cases as the API. `routes.MODULES` lists them; page.py draws them."""
