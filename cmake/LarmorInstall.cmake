# cmake --install: a relocatable tree with a CMake package.
