export {} // The tests of the rules with types put their text in its place.
