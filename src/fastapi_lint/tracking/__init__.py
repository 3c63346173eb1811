"""What an answer is made from: dependencies noted while it is worked out. Knows no rule and no finding."""
