"""What the console asks for besides the API: parameters and answers. Pure."""
