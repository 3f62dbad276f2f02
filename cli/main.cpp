#include "cli/command.h"
#include "core/memory.h"

int main(int argc, char** argv) {
  larmor::keep_memory();  // before the first large allocation
  return larmor::cli::run_program(argc, argv);
}
