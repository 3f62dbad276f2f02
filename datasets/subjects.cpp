#include "datasets/subjects.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace larmor::datasets {

namespace {

std::vector<std::string> subjects_like(const std::vector<std::string>& subjects, const std::string& name) {
  std::vector<std::string> found;
  std::copy_if(subjects.begin(), subjects.end(), std::back_inserter(found),
               [&](const std::string& subject) { return subject.starts_with(name + "_"); });
  return found;
}

}  // namespace

std::vector<std::string> subject_names(const Source& source) {
  std::vector<std::string> names;
  for (const Study& study : source.studies()) names.push_back(study.subject);
  return names;
}

std::string find_subject(const std::vector<std::string>& subjects, const std::string& name) {
  if (std::find(subjects.begin(), subjects.end(), name) != subjects.end()) return name;
  const std::vector<std::string> found = subjects_like(subjects, name);
  return found.size() == 1 ? found.front() : "";
}

std::string require_subject(const std::vector<std::string>& subjects, const std::string& name, const std::string& key) {
  std::string found = find_subject(subjects, name);
  if (!found.empty()) return found;
  const std::vector<std::string> several = subjects_like(subjects, name);
  if (several.empty()) throw_usage_error(key + ": " + unknown_name_message("subject", name, subjects, ""));
  throw_usage_error(
      fmt::format("{}: {} fits {} subjects: {}; write more of the name", key, in_quotes(name), several.size(), fmt::join(several, ", ")));
}

}  // namespace larmor::datasets
