// Every command of the program; one function per file of the same name.
#pragma once
#include "cli/command.h"

namespace larmor::cli {

Command inspect_command();
Command phantom_command();
Command prepare_command();
Command train_command();
Command eval_command();
Command predict_command();
Command agree_command();
Command reproduce_command();
Command report_command();
Command convert_command();
Command list_command();
Command doctor_command();
Command help_command();

}  // namespace larmor::cli
