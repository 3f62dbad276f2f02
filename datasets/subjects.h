// Names of subjects as people write them in recipes.
#pragma once
#include <string>
#include <vector>

#include "datasets/source.h"

namespace larmor::datasets {

/// All subjects, sorted.
std::vector<std::string> subject_names(const Source& source);

/// The subject called `name`, or the only one that begins with `name` and "_": "TCGA_CS_4944" finds TCGA_CS_4944_20010208. "" when
/// there is none or more than one.
std::string find_subject(const std::vector<std::string>& subjects, const std::string& name);

/// find_subject, or Error (usage): "data.exclude: unknown subject 'x'; nearest: 'y'", "data.exclude: 'x' fits 2 subjects: a, b; write more
/// of the name".
std::string require_subject(const std::vector<std::string>& subjects, const std::string& name, const std::string& key);

}  // namespace larmor::datasets
