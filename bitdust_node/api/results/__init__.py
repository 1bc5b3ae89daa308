"""What the methods of the API answer with: the shapes that OpenAPI and the page of the methods are made from."""
