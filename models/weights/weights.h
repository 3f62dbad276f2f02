// Weights from and to files, with a strict report: safetensors, folders of segmentation_models.pytorch (SMP), files of PyTorch (.pth, .pt).
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/tensors.h"
#include "models/segmenter.h"

namespace larmor::models {

/// What happened to each name.
struct LoadReport {
  struct ShapeMismatch {
    std::string name;
    std::vector<int64_t> expected, found;
  };
  std::vector<std::string> loaded, missing, unexpected;
  std::vector<ShapeMismatch> mismatched;
  std::vector<std::string> mistyped;  ///< numbers that are no floats for weights that are: "conv.weight (Byte)"
  std::vector<std::string> notes;     ///< "stripped prefix 'module.'", "num_batches_tracked absent: 0"
  bool is_complete() const { return missing.empty() && unexpected.empty() && mismatched.empty() && mistyped.empty(); }
  /// A few lines: counts, then up to ten names of each kind.
  std::string to_string() const;
};

/// Copies tensors by name into the module, buffers included; keeps dtype and device of the module. Missing num_batches_tracked
/// becomes 0; prefixes `module.`, `model.` that all names carry are stripped and told; names of SMP 0.0.x become today's (see smp_names.h).
/// Drops prepared inference.
/// strict: Error (data) when the report is not complete:
/// "w.safetensors: not the weights of this linknet: 3 missing (decoder.…), 2 unexpected (…), 1 of another shape
/// (encoder.layer0.conv1.weight: 64x3x7x7 here, 64x9x7x7 in the file)"; nothing is changed then.
LoadReport load_state(Module& module, const NamedTensors& tensors, const std::string& source, bool strict = true);

/// Pretrained encoder weights into a model's encoder, strictly. Names are those below the encoder, or a whole model's, of which
/// `encoder.*` is taken; `last_linear.*` and `fc.*` are dropped. The first convolution is adapted by `first_conv_rule` when the model has
/// other than the file's 3 input channels ("smp" or "smp01", see adapt_first_convolution). Networks that only look alike (timm's
/// seresnext50_32x4d, senet154.gluon, a ResNet) are refused by name: their pool and their stem differ, though most shapes fit.
LoadReport load_encoder_state(Module& model, const NamedTensors& tensors, const std::string& source, const std::string& first_conv_rule);

/// The first-convolution rule of SMP for in_channels ≠ 3. smp: 1 → sum over RGB; n → channel i takes RGB i mod 3, times 3/n.
/// smp01: 1 → sum; 2 → first two × 1.5; ≥ 4 → undefined tensor (keep the framework's start values).
/// Error (usage) for another rule.
at::Tensor adapt_first_convolution(const at::Tensor& weight3, int64_t in_channels, const std::string& rule);

enum class WeightsFormat { safetensors, smp_folder, pytorch, torchscript };

/// Weights as they are stored, before any renaming.
struct StoredWeights {
  NamedTensors tensors;
  WeightsFormat format = WeightsFormat::safetensors;
  std::string layout;              ///< "safetensors file", "SMP folder", "PyTorch zip archive", …
  std::vector<std::string> notes;  ///< what was chosen and left, see core/pytorch_file.h
};

/// By its ending, or by its first bytes.
bool is_safetensors(const std::filesystem::path& file);
/// A safetensors file, an SMP folder (config.json + model.safetensors) or a file of PyTorch (any of core/pytorch_file.h), told apart by
/// their first bytes. Nothing that stands in a file is executed.
StoredWeights read_stored_weights(const std::filesystem::path& path);
/// Their tensors; `notes` gets what was chosen and left.
NamedTensors read_weights(const std::filesystem::path& path, std::vector<std::string>* notes = nullptr);

/// Names as our networks use them: prefixes stripped, today's names for those of SMP 0.0.x where its whole decoder is there. Tells it in
/// `notes`. Error (data): a tensor that is there by its old and by today's name.
NamedTensors with_our_names(NamedTensors tensors, const std::string& source, std::vector<std::string>& notes);
/// Error (data): two tensors of one name, or one that is called as the metadata of safetensors, '__metadata__'.
void require_storable_names(const NamedTensors& tensors, const std::string& source);
/// True for the weights of a bare encoder, below which no decoder stands.
bool is_encoder(const NamedTensors& tensors);
/// Takes out the classifier of an ImageNet file and tells it. Error (data): an encoder that only looks like ours.
void drop_classifier(NamedTensors& tensors, const std::string& source, std::vector<std::string>& notes);

/// The `model` section of a recipe made from an SMP folder's config.json ("_model_class": "Linknet", "FPN", "PSPNet", "Unet"): name,
/// encoder, …
/// Activations are ignored, because our networks end in logits. Error (data): not JSON, a class that is not ours, a missing or
/// unknown key, an option that we do not offer (other norms than batch norm).
ConfigNode model_config_from_smp(const std::filesystem::path& folder);

/// Writes config.json and model.safetensors so that smp.from_pretrained(folder) reads it. `model_options`: what the network was
/// made from by its registry.
void write_smp_folder(const std::filesystem::path& folder, const Segmenter& model, const ConfigNode& model_options);

/// One line per tensor of the state dict, in order: name, tab, shape ("64x3x7x7", "scalar").
std::string state_manifest(const Module& module);

}  // namespace larmor::models
