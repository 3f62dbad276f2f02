#include "train/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "datasets/registry.h"
#include "eval/registry.h"
#include "losses/registry.h"
#include "models/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"

namespace larmor::train {

namespace {

// What goes into products and sums of int64 stays far from their end.
constexpr double kLargestSize = 16384, kLargestBatch = 65536, kMostBatchesAhead = 1024;
constexpr double kLargestCacheMib = 16777216;  // 16 TiB
constexpr double kLargestCount = 1000000;

/// A section of the recipe: its own keys and, where it names a component, the place of that component's options.
struct Section {
  std::string name;
  std::string help;
  OptionTable table;
};

OptionTable options_of(DataOptions& o) {
  OptionTable table;
  table.add("source", o.source, "where cases come from; see `larmor list sources`")
      .add_table("split", datasets::options_of(o.split), "which subjects train, validate, test")
      .add("size", o.size, "side of the square input in pixels; slices are padded to square, then resized", between(16, kLargestSize))
      .add("batch", o.batch, "samples per training batch", between(1, kLargestBatch))
      .add("evaluation_batch", o.evaluation_batch, "samples per batch in validation and evaluation", between(1, kLargestBatch))
      .add("workers", o.workers, "loader threads; results do not depend on it", between(1, 256))
      .add("prefetch", o.prefetch, "batches made ahead", between(1, kMostBatchesAhead))
      .add("cache_mib", o.cache_mib, "memory for decoded cases in MiB", between(0, kLargestCacheMib))
      .add("sampling", o.sampling, "how training cases are drawn", {"uniform", "balanced", "weighted"})
      .add("positive_share", o.positive_share, "balanced sampling: part of the cases that show the label", between(0, 1))
      .add("drop_last", o.drop_last, "leave out a last training batch that is not full")
      .add_table("preprocess", datasets::options_of(o.preprocess), "preparation of whole volumes")
      .add_table("normalise", datasets::options_of(o.normalise), "from stored values to the network's input")
      .add_table("augment", datasets::options_of(o.augment), "random changes of training samples")
      .check("normalise.kind",
             [&o]() -> std::string {
               const bool fits = o.preprocess.kind == "none" || o.normalise.kind == "unit";
               return fits ? "" : "must be unit with data.preprocess, which has standardised the values";
             })
      .check("augment", [&o]() -> std::string {
        const datasets::AugmentOptions& a = o.augment;
        const bool fits = o.preprocess.kind == "none" || (a.brightness == 0 && a.contrast == 0 && a.gamma == 0 && a.noise == 0);
        return fits ? ""
                    : "brightness, contrast, gamma and noise clip to [0, 1]; they do not fit data.preprocess, which standardises values";
      });
  return table;
}

OptionTable options_of(ModelOptions& o) {
  OptionTable table;
  table.add("name", o.name, "architecture; see `larmor list models`")
      .add("weights", o.weights, "safetensors, .pth or .pt file, or SMP folder, to start from; empty: from scratch")
      .add("encoder_weights", o.encoder_weights, "pretrained encoder (safetensors, .pth or .pt file, or folder); empty: none")
      .add("first_conv", o.first_conv, "how pretrained first convolutions are adapted to other channel counts", {"smp", "smp01"});
  return table;
}

OptionTable options_of(OptimOptions& o) {
  OptionTable table;
  table.add("name", o.name, "update rule; see `larmor list optimizers`")
      .add("no_decay_bias_norm", o.no_decay_bias_norm, "no weight decay on biases and norm layers")
      .add("clip_norm", o.clip_norm, "largest Euclidean norm of all gradients; 0: off", at_least(0))
      .add("clip_value", o.clip_value, "largest absolute value of a gradient; 0: off", at_least(0))
      .add("ema", o.ema, "decay of the weight average that is validated and saved as best; 0: off", from_up_to(0, 1));
  return table;
}

OptionTable schedule_table(OptimOptions& o) {
  OptionTable table;
  table.add("name", o.schedule, "learning-rate schedule; see `larmor list schedules`");
  return table;
}

OptionTable options_of(TrainOptions& o) {
  OptionTable table;
  table.add("epochs", o.epochs, "passes over the training cases", between(1, kLargestCount))
      .add("seed", o.seed, "keys every random number of the run", at_least(0))
      .add("accumulate", o.accumulate, "batches per optimizer step", between(1, kLargestCount))
      .add("monitor", o.monitor, "validation metric that decides which epoch is best")
      .add("mode", o.mode, "whether more or less of it is better", {"max", "min"})
      .add("early_stop", o.early_stop, "epochs without a better value before stopping; 0: off", at_least(0))
      .add("validate_every", o.validate_every, "epochs between validations", at_least(1))
      .add("checkpoint_every", o.checkpoint_every, "epochs between checkpoints", at_least(1))
      .add("precision", o.precision, "arithmetic of forward and backward; fp16 needs CUDA", {"float32", "bf16", "fp16"})
      .add("determinism", o.determinism, "repro: same bits every time; fast: lets CUDA choose", {"repro", "fast"})
      .add("overfit", o.overfit, "train and validate on the first n training samples without augmentation; 0: off", at_least(0));
  return table;
}

OptionTable options_of(Published& o) {
  OptionTable table;
  table.add("values", o.values, "published numbers by name, e.g. test_dice")
      .add("source", o.source, "paper or slides, with table and row")
      .add("convention", o.convention, "how the source averages, as far as it says");
  return table;
}

OptionTable task_table(Recipe& recipe) {
  OptionTable table;
  table.add("name", recipe.task, "what is learnt; see `larmor list tasks`");
  return table;
}

OptionTable top_table(Recipe& recipe) {
  OptionTable table;
  table.add("name", recipe.name, "how results call the recipe; default: its path below configs/")
      .add("description", recipe.description, "a sentence for people")
      .add("loss", recipe.loss, "weighted sum of losses, e.g. 0.5*bce + 0.5*dice; see `larmor list losses`")
      .add_node("loss_options", recipe.loss_options, "options by loss name, e.g. {dice: {smooth: 1}}")
      .add_table("train", options_of(recipe.train), "how long, how checked, how saved")
      .add_table("eval", eval::options_of(recipe.eval), "test-time augmentation of validation and evaluation")
      .add_table("published", options_of(recipe.published), "what the source printed");
  return table;
}

const std::vector<std::string> kComponentSections = {"data", "model", "task", "optim"};

/// Splits a map into the entries that `table` knows and all others.
std::pair<ConfigNode, ConfigNode> split_entries(const ConfigNode& node, const OptionTable& table) {
  ConfigNode own = ConfigNode::make_map(node.place), rest = ConfigNode::make_map(node.place);
  const std::vector<std::string> names = table.names();
  for (const auto& [key, value] : node.entries) {
    const bool known = std::find(names.begin(), names.end(), key) != names.end();
    (known ? own : rest).set(key, value);
  }
  return {own, rest};
}

/// Reads a section: its own keys through `table`, then the options of the component that `name` has come to name.
template <class Registry>
void read_section(const ConfigNode& node, OptionTable table, const std::string& name_key, const std::string& name, const Registry& registry,
                  ConfigNode& options, const std::string& section, Problems& problems) {
  if (!node.is_null() && !node.is_map()) {
    problems.add(node.place, section, "must be a map of keys");
    return;
  }
  const auto [own, rest] = split_entries(node, table);
  table.read(own, problems, section + ".");
  const auto* component = registry.find(name);
  if (component == nullptr) {
    const ConfigNode* named = node.find(name_key);
    problems.add(named ? named->place : node.place, section + "." + name_key, registry.unknown_message(name));
    return;
  }
  // Mistyped keys of the section itself land in `rest`; telling them here gives the nearest of both sets.
  ConfigNode known = ConfigNode::make_map(rest.place);
  std::vector<std::string> names = table.names();
  std::vector<std::string> component_names;
  for (const OptionDoc& doc : component->docs()) component_names.push_back(doc.name.substr(0, doc.name.find('.')));
  names.insert(names.end(), component_names.begin(), component_names.end());
  for (const auto& [key, value] : rest.entries) {
    if (std::find(component_names.begin(), component_names.end(), key) != component_names.end()) {
      known.set(key, value);
      continue;
    }
    const std::string nearest = nearest_name(key, names);
    problems.add(
        value.place, fmt::format("{}.{}", section, key),
        fmt::format("unknown key for {} '{}'{}", registry.singular(), name, nearest.empty() ? "" : "; nearest: '" + nearest + "'"));
  }
  options = component->resolve(known, problems, section + ".");
}

const ConfigNode& entry_or_null(const ConfigNode& map, const std::string& key) {
  static const ConfigNode null;
  const ConfigNode* found = map.find(key);
  return found ? *found : null;
}

/// `schedule: cosine` is short for `schedule: {name: cosine}`; the same for `task`.
ConfigNode as_named_section(const ConfigNode& node) {
  if (!node.is_scalar()) return node;
  ConfigNode map = ConfigNode::make_map(node.place);
  map.set("name", node);
  return map;
}

void read_optim(const ConfigNode& node, OptimOptions& optim, Problems& problems) {
  ConfigNode rest = ConfigNode::make_map(node.place);
  ConfigNode schedule;
  for (const auto& [key, value] : node.entries) {
    if (key == "schedule") {
      schedule = as_named_section(value);
    } else {
      rest.set(key, value);
    }
  }
  read_section(node.is_map() ? rest : node, options_of(optim), "name", optim.name, optim::registry(), optim.options, "optim", problems);
  read_section(schedule, schedule_table(optim), "name", optim.schedule, optim::schedules::registry(), optim.schedule_options,
               "optim.schedule", problems);
}

void check_monitor(const Recipe& recipe, const ConfigNode& tree, Problems& problems) {
  const auto* component = eval::registry().find(recipe.task);
  if (component == nullptr) return;
  const std::vector<std::string> names = component->make(recipe.task_options, 1)->metric_names();
  if (std::find(names.begin(), names.end(), recipe.train.monitor) != names.end()) return;
  const ConfigNode* node = tree.find_path("train.monitor");
  problems.add(node ? node->place : tree.place, "train.monitor", unknown_name_message("metric", recipe.train.monitor, names, ""));
}

template <class Registry>
void add_component_keys(const Registry& registry, const std::string& name, const std::string& section, std::vector<std::string>& keys) {
  const auto* component = registry.find(name);
  if (component == nullptr) return;
  for (const OptionDoc& doc : component->docs()) keys.push_back(section + "." + doc.name);
}

/// Every key that this recipe may hold, with its sections in front.
std::vector<std::string> full_keys(const Recipe& recipe) {
  std::vector<std::string> keys;
  for (const OptionDoc& doc : recipe_docs()) keys.push_back(doc.name);
  add_component_keys(datasets::registry(), recipe.data.source, "data", keys);
  add_component_keys(models::registry(), recipe.model.name, "model", keys);
  add_component_keys(eval::registry(), recipe.task, "task", keys);
  add_component_keys(optim::registry(), recipe.optim.name, "optim", keys);
  return keys;
}

/// A key with a typo, or one that stands outside of its section ("batch" for "data.batch", "dataroot" for "data.root").
std::string nearest_key(const std::string& key, const std::vector<std::string>& sections, const Recipe& recipe) {
  std::vector<std::string> keys = sections;
  const std::vector<std::string> full = full_keys(recipe);
  keys.insert(keys.end(), full.begin(), full.end());
  const auto outside = std::find_if(keys.begin(), keys.end(), [&](const std::string& one) { return one.ends_with("." + key); });
  return outside != keys.end() ? *outside : nearest_name(key, keys);
}

/// Keys of the top level that neither the recipe's own table nor a component's section knows.
void check_top_keys(const ConfigNode& rest, Recipe& recipe, Problems& problems) {
  std::vector<std::string> sections = kComponentSections;
  for (const std::string& name : top_table(recipe).names()) sections.push_back(name);
  for (const auto& [key, value] : rest.entries) {
    if (std::find(sections.begin(), sections.end(), key) != sections.end()) continue;
    const std::string nearest = nearest_key(key, sections, recipe);
    problems.add(value.place, printable(key),
                 nearest.empty() ? fmt::format("unknown key; allowed: {}", fmt::join(sections, ", "))
                                 : fmt::format("unknown key; nearest: '{}'", nearest));
  }
}

/// The label map's classes must be the network's.
void check_classes(const Recipe& recipe, const ConfigNode& tree, Problems& problems) {
  const ConfigNode *labels = recipe.data.options.find("labels"), *classes = recipe.model.options.find("classes");
  if (labels == nullptr || !labels->is_map() || classes == nullptr) return;
  const double highest = std::max(1.0, std::strtod(classes->scalar.c_str(), nullptr) - 1);  // one class: foreground
  const ConfigNode* place = tree.find_path("data.labels");
  for (const auto& [name, value] : labels->entries) {
    if (std::strtod(value.scalar.c_str(), nullptr) <= highest) continue;
    problems.add(
        place != nullptr ? place->place : tree.place, "data.labels",
        fmt::format("{} is class {}, but the network has 0 to {} (model.classes: {})", name, value.scalar, highest, classes->scalar));
  }
}

Recipe recipe_from_tree(const ConfigNode& tree, const std::string& name) {
  Recipe recipe;
  recipe.name = name;
  Problems problems;
  if (!tree.is_map()) {
    problems.add(tree.place, name, "a recipe must be a map of keys");
    problems.throw_if_any();
  }
  auto [top, rest] = split_entries(tree, top_table(recipe));
  top_table(recipe).read(top, problems);
  read_section(entry_or_null(tree, "data"), options_of(recipe.data), "source", recipe.data.source, datasets::registry(),
               recipe.data.options, "data", problems);
  read_section(entry_or_null(tree, "model"), options_of(recipe.model), "name", recipe.model.name, models::registry(), recipe.model.options,
               "model", problems);
  read_section(as_named_section(entry_or_null(tree, "task")), task_table(recipe), "name", recipe.task, eval::registry(),
               recipe.task_options, "task", problems);
  read_optim(entry_or_null(tree, "optim"), recipe.optim, problems);
  check_top_keys(rest, recipe, problems);
  recipe.loss_options = losses::check_loss(recipe.loss, recipe.loss_options, entry_or_null(tree, "loss").place, problems);
  if (problems.empty()) check_monitor(recipe, tree, problems);
  if (problems.empty()) check_classes(recipe, tree, problems);
  problems.throw_if_any();
  return recipe;
}

/// The section's own keys, then the component's.
ConfigNode join(ConfigNode own, const ConfigNode& options) {
  for (const auto& [key, value] : options.entries) own.set(key, value);
  return own;
}

std::string text_of(const ConfigNode* node) {
  if (node == nullptr) return "(absent)";
  if (node->is_scalar()) return node->scalar;
  std::string text = larmor::to_yaml(*node);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void collect_differences(const ConfigNode* before, const ConfigNode* after, const std::string& path, std::vector<std::string>& out) {
  const bool both_maps = before && after && before->is_map() && after->is_map();
  if (!both_maps) {
    const std::string old_text = text_of(before), new_text = text_of(after);
    if (old_text != new_text) out.push_back(fmt::format("{}: {} → {}", path, old_text, new_text));
    return;
  }
  const auto below = [&path](const std::string& key) { return path.empty() ? key : path + "." + key; };
  for (const auto& [key, value] : before->entries) collect_differences(&value, after->find(key), below(key), out);
  for (const auto& [key, value] : after->entries) {
    if (before->find(key) == nullptr) collect_differences(nullptr, &value, below(key), out);
  }
}

void erase_entry(ConfigNode& map, const std::string& key) {
  std::erase_if(map.entries, [&key](const auto& entry) { return entry.first == key; });
}

void add_docs(std::vector<OptionDoc>& all, const std::vector<OptionDoc>& docs) { all.insert(all.end(), docs.begin(), docs.end()); }

}  // namespace

Recipe read_recipe(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  ConfigNode tree = read_yaml(file);
  for (const std::string& assignment : overrides) apply_override(tree, assignment);
  return recipe_from_tree(tree, recipe_name(file));
}

Recipe recipe_from(const ConfigNode& tree, const std::string& name) { return recipe_from_tree(tree, name); }

std::string data_root(const Recipe& recipe) {
  const ConfigNode* root = recipe.data.options.find("root");
  return root != nullptr && root->is_scalar() ? root->scalar : "";
}

ConfigNode to_config(const Recipe& recipe) {
  Recipe copy = recipe;  // option tables hold references to mutable fields
  ConfigNode tree = ConfigNode::make_map();
  const ConfigNode top = top_table(copy).write();
  tree.set("name", *top.find("name"));
  tree.set("description", *top.find("description"));
  tree.set("data", join(options_of(copy.data).write(), recipe.data.options));
  tree.set("model", join(options_of(copy.model).write(), recipe.model.options));
  tree.set("task", join(task_table(copy).write(), recipe.task_options));
  tree.set("loss", *top.find("loss"));
  tree.set("loss_options", *top.find("loss_options"));
  ConfigNode optim = join(options_of(copy.optim).write(), recipe.optim.options);
  optim.set("schedule", join(schedule_table(copy.optim).write(), recipe.optim.schedule_options));
  tree.set("optim", optim);
  for (const char* key : {"train", "eval", "published"}) tree.set(key, *top.find(key));
  return tree;
}

ConfigNode portable_config(const Recipe& recipe) {
  ConfigNode tree = to_config(recipe);
  for (const char* key : {"root", "workers", "prefetch", "cache_mib"}) erase_entry(*tree.find("data"), key);
  return tree;
}

ConfigNode deciding_config(const Recipe& recipe) {
  ConfigNode tree = portable_config(recipe);
  for (const char* key : {"name", "description", "published"}) erase_entry(tree, key);
  return tree;
}

std::vector<std::string> differences(const ConfigNode& before, const ConfigNode& after) {
  std::vector<std::string> out;
  collect_differences(&before, &after, "", out);
  return out;
}

std::string recipe_name(const std::filesystem::path& file) {
  std::filesystem::path name;
  for (const auto& part : file) {
    if (part == "configs") {
      name.clear();
    } else {
      name /= part;
    }
  }
  if (name == file) name = file.filename();
  return name.replace_extension().generic_string();
}

std::vector<OptionDoc> recipe_docs() {
  Recipe recipe;
  std::vector<OptionDoc> all;
  add_docs(all, top_table(recipe).docs());
  add_docs(all, options_of(recipe.data).docs("data."));
  add_docs(all, options_of(recipe.model).docs("model."));
  add_docs(all, task_table(recipe).docs("task."));
  add_docs(all, options_of(recipe.optim).docs("optim."));
  add_docs(all, schedule_table(recipe.optim).docs("optim.schedule."));
  return all;
}

}  // namespace larmor::train
