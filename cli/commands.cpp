#include "cli/commands.h"

namespace larmor::cli {

std::vector<Command> all_commands() {
  return {inspect_command(),   prepare_command(), phantom_command(), train_command(), eval_command(),   predict_command(), agree_command(),
          reproduce_command(), report_command(),  convert_command(), list_command(),  doctor_command(), help_command()};
}

}  // namespace larmor::cli
