#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "models/registry.h"
#include "models/weights/weights.h"

namespace larmor::models {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kConfigFile = "config.json";
constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kClassKey = "_model_class";
constexpr const char* kHeadKey = "aux_params";

struct OptionNames {
  std::string ours;
  std::string smp;
  bool is_optional = false;  ///< not in every file: where it is missing, ours has its default; ours at its default is not written
};

/// A key of theirs that is no option of ours.
struct FixedKey {
  std::string smp;
  std::vector<json> accepted;  ///< empty: any value
  bool is_written = true;      ///< with the first accepted value, else null
};

/// Of the classification head, below kHeadKey; what is not there has its default, which is ours too.
const std::vector<OptionNames>& head_options() {
  static const std::vector<OptionNames> all = {
      {"aux_classes", "classes"}, {"aux_pooling", "pooling", /*is_optional=*/true}, {"aux_dropout", "dropout", /*is_optional=*/true}};
  return all;
}
constexpr const char* kHeadActivation = "activation";  // ignored: our networks end in logits

/// How an architecture of ours is called there.
struct Counterpart {
  std::string architecture;
  std::string smp_class;
  std::vector<OptionNames> options;
  std::vector<FixedKey> fixed;
};

/// What every class has; `own` follows.
std::vector<OptionNames> with_common(std::vector<OptionNames> own) {
  std::vector<OptionNames> all = {
      {"encoder", "encoder_name"}, {"encoder_depth", "encoder_depth"}, {"in_channels", "in_channels"}, {"classes", "classes"}};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

std::vector<FixedKey> with_common(std::vector<FixedKey> own) {
  own.push_back({"encoder_weights", {}});  // null when written, or Python would download some
  own.push_back({"activation", {}});
  return own;
}

/// Batch norm in the decoder; `old_key` is its name before 0.5.
std::vector<FixedKey> with_batch_norm(const std::string& old_key) {
  return {{"decoder_use_norm", {json("batchnorm"), json(true)}}, {old_key, {json(true)}, /*is_written=*/false}};
}

std::vector<FixedKey> unet_keys() {
  std::vector<FixedKey> keys = with_batch_norm("decoder_use_batchnorm");
  keys.push_back({"decoder_attention_type", {json(nullptr)}});
  return keys;
}

const std::vector<Counterpart>& counterparts() {
  static const std::vector<Counterpart> all = {
      {"linknet", "Linknet", with_common(std::vector<OptionNames>{}), with_common(with_batch_norm("decoder_use_batchnorm"))},
      {"fpn", "FPN",
       with_common(std::vector<OptionNames>{{"pyramid_channels", "decoder_pyramid_channels"},
                                            {"segmentation_channels", "decoder_segmentation_channels"},
                                            {"merge_policy", "decoder_merge_policy"},
                                            {"dropout", "decoder_dropout"},
                                            {"interpolation", "decoder_interpolation", /*is_optional=*/true},
                                            {"upsampling", "upsampling"}}),
       with_common(std::vector<FixedKey>{})},
      {"pspnet", "PSPNet",
       with_common(std::vector<OptionNames>{{"output_stride", "output_stride", /*is_optional=*/true},
                                            {"psp_out_channels", "psp_out_channels"},
                                            {"psp_dropout", "psp_dropout"},
                                            {"upsampling", "upsampling"}}),
       with_common(with_batch_norm("psp_use_batchnorm"))},
      {"unet", "Unet",
       with_common(std::vector<OptionNames>{{"decoder_channels", "decoder_channels"},
                                            {"interpolation", "decoder_interpolation", /*is_optional=*/true}}),
       with_common(unet_keys())},
  };
  return all;
}

const Counterpart& counterpart_of_class(const std::string& smp_class, const std::string& place) {
  std::vector<std::string> known;
  for (const Counterpart& counterpart : counterparts()) {
    if (counterpart.smp_class == smp_class) return counterpart;
    known.push_back(counterpart.smp_class);
  }
  throw_data_error(place + ": " + unknown_name_message(kClassKey, smp_class, known, ""));
}

const Counterpart& counterpart_of(const std::string& architecture) {
  const auto found = std::find_if(counterparts().begin(), counterparts().end(),
                                  [&](const Counterpart& counterpart) { return counterpart.architecture == architecture; });
  if (found == counterparts().end()) throw_usage_error(fmt::format("segmentation_models.pytorch has no {}", architecture));
  return *found;
}

json read_config(const fs::path& file) {
  json config = json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (config.is_discarded()) throw_data_error(file.string() + ": not JSON");
  if (!config.is_object()) throw_data_error(file.string() + ": not a JSON object");
  return config;
}

bool has_type(const json& value, const std::string& type) {
  if (type == "text") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  const auto is_integer = [](const json& item) { return item.is_number_integer(); };
  return type == "list of integers" && value.is_array() && std::all_of(value.begin(), value.end(), is_integer);
}

std::string with_article(const std::string& type) {
  if (type == "text") return type;
  return (type == "integer" ? "an " : "a ") + type;
}

/// As a recipe writes it. `type` is that of our option.
ConfigNode to_option(const json& value, const std::string& key, const std::string& type, const std::string& place) {
  if (!has_type(value, type)) throw_data_error(fmt::format("{}: {} must be {}", place, key, with_article(type)));
  if (value.is_string()) return ConfigNode::make_scalar(value.get<std::string>(), {place}, /*quoted=*/true);
  if (!value.is_array()) return ConfigNode::make_scalar(value.dump(), {place});
  ConfigNode list = ConfigNode::make_sequence({place});
  for (const json& item : value) list.items.push_back(ConfigNode::make_scalar(item.dump(), {place}));
  return list;
}

OptionDoc doc_of(const Counterpart& counterpart, const std::string& option) {
  const std::vector<OptionDoc> docs = registry().at(counterpart.architecture).docs();
  const auto found = std::find_if(docs.begin(), docs.end(), [&](const OptionDoc& doc) { return doc.name == option; });
  LARMOR_ASSERT(found != docs.end());
  return *found;
}

void require_known_keys(const json& config, const std::vector<std::string>& known, const std::string& place) {
  for (const auto& [key, value] : config.items()) {
    const bool is_private = key.starts_with('_');  // theirs about the file, not about the network
    if (is_private || std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw_data_error(place + ": " + unknown_name_message("key", key, known, ""));
  }
}

std::vector<std::string> known_keys(const Counterpart& counterpart) {
  std::vector<std::string> known = {kHeadKey};
  for (const OptionNames& names : counterpart.options) known.push_back(names.smp);
  for (const FixedKey& fixed : counterpart.fixed) known.push_back(fixed.smp);
  return known;
}

/// Adds to `section` what `config` says of these options.
void take_options(const json& config, const std::vector<OptionNames>& options, const Counterpart& counterpart, ConfigNode& section,
                  const std::string& place) {
  for (const OptionNames& names : options) {
    const auto value = config.find(names.smp);
    if (value == config.end() && names.is_optional) continue;
    if (value == config.end()) throw_data_error(fmt::format("{}: {} is missing", place, names.smp));
    section.set(names.ours, to_option(*value, names.smp, doc_of(counterpart, names.ours).type, place));
  }
}

void take_head(const json& config, const Counterpart& counterpart, ConfigNode& section, const std::string& file) {
  const auto head = config.find(kHeadKey);
  if (head == config.end() || head->is_null()) return;
  const std::string place = fmt::format("{}: {}", file, kHeadKey);
  if (!head->is_object()) throw_data_error(place + " must be null or an object");
  std::vector<std::string> known = {kHeadActivation};
  for (const OptionNames& names : head_options()) known.push_back(names.smp);
  require_known_keys(*head, known, place);
  take_options(*head, head_options(), counterpart, section, place);
}

void require_supported(const json& config, const FixedKey& fixed, const std::string& place) {
  const auto found = config.find(fixed.smp);
  if (found == config.end() || fixed.accepted.empty()) return;
  if (std::find(fixed.accepted.begin(), fixed.accepted.end(), *found) != fixed.accepted.end()) return;
  throw_data_error(fmt::format("{}: {} must be {}; other values are not offered", place, fixed.smp, fixed.accepted.front().dump()));
}

json to_json(const ConfigNode& option) {
  if (option.is_sequence()) {
    json list = json::array();
    for (const ConfigNode& item : option.items) list.push_back(to_json(item));
    return list;
  }
  const json number = option.quoted ? json() : json::parse(option.scalar, nullptr, /*allow_exceptions=*/false);
  return number.is_number() ? number : json(option.scalar);
}

const ConfigNode& option_at(const ConfigNode& options, const std::string& name) {
  const ConfigNode* value = options.find(name);
  LARMOR_ASSERT(value != nullptr);
  return *value;
}

json make_head_config(const ConfigNode& options) {
  json head = {{kHeadActivation, nullptr}};
  for (const OptionNames& names : head_options()) head[names.smp] = to_json(option_at(options, names.ours));
  const bool is_wanted = head.at("classes") != 0;
  return is_wanted ? head : json(nullptr);
}

json make_config(const Counterpart& counterpart, const ConfigNode& options) {
  json config = {{kClassKey, counterpart.smp_class}, {kHeadKey, make_head_config(options)}};
  for (const OptionNames& names : counterpart.options) {
    const ConfigNode& value = option_at(options, names.ours);
    if (names.is_optional && value.scalar == doc_of(counterpart, names.ours).default_value) continue;
    config[names.smp] = to_json(value);
  }
  for (const FixedKey& fixed : counterpart.fixed) {
    if (fixed.is_written) config[fixed.smp] = fixed.accepted.empty() ? json(nullptr) : fixed.accepted.front();
  }
  return config;
}

}  // namespace

ConfigNode model_config_from_smp(const fs::path& folder) {
  const fs::path file = folder / kConfigFile;
  const std::string place = file.string();
  const json config = read_config(file);
  const auto smp_class = config.find(kClassKey);
  if (smp_class == config.end() || !smp_class->is_string())
    throw_data_error(fmt::format("{}: {} is missing or not text", place, kClassKey));
  const Counterpart& counterpart = counterpart_of_class(smp_class->get<std::string>(), place);
  require_known_keys(config, known_keys(counterpart), place);
  for (const FixedKey& fixed : counterpart.fixed) require_supported(config, fixed, place);

  ConfigNode section = ConfigNode::make_map({place});
  section.set("name", ConfigNode::make_scalar(counterpart.architecture, {place}));
  take_options(config, counterpart.options, counterpart, section, place);
  take_head(config, counterpart, section, place);
  return section;
}

void write_smp_folder(const fs::path& folder, const Segmenter& model, const ConfigNode& model_options) {
  const Counterpart& counterpart = counterpart_of(model.info().architecture);
  Problems problems;
  const ConfigNode options = registry().at(counterpart.architecture).resolve(model_options, problems, "");
  problems.throw_if_any();
  make_folder(folder);
  save_tensors(folder / kWeightsFile, model.state_dict(), {{"format", "pt"}});
  write_file_atomically(folder / kConfigFile, make_config(counterpart, options).dump(2) + "\n");
}

}  // namespace larmor::models
