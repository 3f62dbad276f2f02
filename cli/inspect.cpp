#include "datasets/inspect.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/error.h"
#include "datasets/inspect_volumes.h"
#include "imaging/io.h"

namespace larmor::cli {

namespace {

struct InspectOptions {
  std::string data;
  std::string sheet;
};

int run_inspect_volumes(const InspectOptions& options, const GlobalOptions& global) {
  if (!options.sheet.empty()) throw_usage_error("--sheet: of volumes larmor prepare siberian writes a sheet, quality.png");
  const datasets::VolumeInspection inspection = datasets::inspect_volumes(options.data, global.threads);
  std::cout << (global.json ? datasets::to_json(inspection).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                            : datasets::to_text(inspection));
  return 0;
}

int run_inspect(const InspectOptions& options, const GlobalOptions& global) {
  if (datasets::holds_volumes(options.data)) return run_inspect_volumes(options, global);
  const auto source = datasets::open_for_inspection(options.data);
  const datasets::Inspection inspection = datasets::inspect(*source, global.threads);
  if (!options.sheet.empty()) imaging::write_image(options.sheet, datasets::contact_sheet(*source));
  if (global.json) {
    std::cout << datasets::to_json(inspection).dump(2) << "\n";
  } else {
    std::cout << datasets::to_text(inspection);
    if (!options.sheet.empty()) std::cout << "contact sheet: " << options.sheet << "\n";
  }
  return 0;
}

}  // namespace

Command inspect_command() {
  Command command{"inspect", Group::data, "what is in a data folder, and what looks wrong", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Opens a data folder, decodes every case, and prints counts, sizes, value ranges, class balance, patients, and suspicious files: "
      "missing "
      "masks, wrong sizes, unreadable files, constant or repeated images. Of volumes (NIfTI, NRRD, DICOM, nnU-Net) it lists subjects, "
      "sequences with size and voxel, label values, faults that larmor prepare would refuse, and elements that may identify a person. "
      "Nothing is changed.";
  command.examples = {{"larmor inspect phantom", "tables on the screen"},
                      {"larmor inspect phantom --sheet sheet.png", "and a contact sheet with the labels' outlines"},
                      {"larmor inspect volumes", "scans of several sequences, before larmor prepare"},
                      {"larmor inspect phantom --json", "for machines"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<InspectOptions>();
    arguments.positional("data", options->data, "data folder; its layout is recognised");
    arguments.option("--sheet", options->sheet, "write a contact sheet to this PNG file");
    return [options](const GlobalOptions& global) { return run_inspect(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
