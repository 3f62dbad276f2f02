// Two readers of the patients that a network was scored on (agreement.h): the line below the network's.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "eval/agreement.h"
#include "eval/task.h"

namespace larmor::eval {

struct Readers {
  std::vector<Metric> metrics;  ///< means_of() the cases that were scored
  int64_t cases = 0;            ///< that both readers read and the network was scored on
  int64_t volumes = 0;          ///< that the network was scored on
  bool is_phantom = false;
};

/// Subject and session.
using VolumeName = std::pair<std::string, std::string>;
/// The readers of these volumes. A case is a volume when it is named like its subject, or subject and session with "_" in between. Error
/// (data) "FILE: …" when they have no case in common.
Readers readers_of(const Agreement& agreement, const std::set<VolumeName>& volumes, const std::string& file);

/// For people: a table whose title tells how many of the scored volumes are in it.
std::string to_text(const Readers& readers);
nlohmann::json to_json(const Readers& readers);

}  // namespace larmor::eval
