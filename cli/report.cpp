#include <iostream>

#include "cli/commands.h"
#include "report/run_report.h"

namespace larmor::cli {

namespace {

struct ReportOptions {
  std::string run;
};

int run_report(const ReportOptions& options) {
  report::write_run_report(options.run);
  const std::filesystem::path folder(options.run);
  std::cout << (folder / "report.html").string() << "\n" << (folder / "report.md").string() << "\n";
  return 0;
}

}  // namespace

Command report_command() {
  Command command{"report", Group::publish, "report.html and report.md of a run", "", {}, "", {}};
  command.description =
      "Writes report.html (one self-contained page) and report.md into a run folder from the files in it: learning curves, aggregates with "
      "intervals and counts, patients by name, best, median and worst case, the recipe, versions, and the command to repeat the run. "
      "`larmor eval RUN` first adds the scores.";
  command.examples = {{"larmor report runs/quickstart/seed-0", "after `larmor eval runs/quickstart/seed-0`"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<ReportOptions>();
    arguments.positional("run", options->run, "run folder");
    return [options](const GlobalOptions&) { return run_report(*options); };
  };
  return command;
}

}  // namespace larmor::cli
