#include "eval/readers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/progress.h"

namespace larmor::eval {

Readers readers_of(const Agreement& agreement, const std::set<VolumeName>& volumes, const std::string& file) {
  std::set<std::string> names;
  for (const auto& [subject, date] : volumes) {
    names.insert(subject);
    if (!date.empty()) names.insert(fmt::format("{}_{}", subject, date));
  }
  std::vector<CaseAgreement> scored;
  std::copy_if(agreement.cases.begin(), agreement.cases.end(), std::back_inserter(scored),
               [&](const CaseAgreement& one) { return names.contains(one.name); });
  if (scored.empty()) {
    const auto first = [](const std::string& name) { return name.empty() ? "none" : in_quotes(name) + ", …"; };
    throw_data_error(fmt::format("{}: none of its cases ({}) is a patient that is scored ({}); cases are matched by name", file,
                                 first(agreement.cases.empty() ? "" : agreement.cases[0].name),
                                 first(names.empty() ? "" : *names.begin())));
  }
  return {means_of(scored), static_cast<int64_t>(scored.size()), static_cast<int64_t>(volumes.size()), agreement.is_phantom};
}

std::string to_text(const Readers& readers) {
  return fmt::format("\ntwo readers, {} of the {} scored here{}\n", readers.cases, counted(readers.volumes, "case"),
                     readers.is_phantom ? "   (phantom)" : "") +
         means_text(readers.metrics);
}

nlohmann::json to_json(const Readers& readers) {
  return {
      {"cases", readers.cases}, {"volumes", readers.volumes}, {"phantom", readers.is_phantom}, {"metrics", means_json(readers.metrics)}};
}

}  // namespace larmor::eval
