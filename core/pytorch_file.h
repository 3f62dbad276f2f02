// Weights in files of PyTorch, read without running anything that stands in them.
//
// Layouts: zip archives of torch.save (1.6 and newer), pickle streams (0.1.10 to 1.5), tar archives (before), TorchScript archives (1.4 and
// newer). What is stored may be a state dict, a checkpoint that holds one (see find_state), or a whole network, of which the attributes are
// taken. Tensors may be views with offset and strides and may share storages. Source: torch/serialization.py of PyTorch 2.11.
#pragma once
#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/safetensors.h"

namespace larmor {

enum class PyTorchLayout { zip, stream, tar, torchscript };

/// "PyTorch zip archive", … as messages call it.
std::string to_string(PyTorchLayout layout);

/// A validated file. Every view stays valid as long as the object lives.
class PyTorchFile {
 public:
  /// Error (data), naming file and fault: no such layout, cut off, damaged, a pickle that names what no tensor needs (see pickle.h), no
  /// state dict in it, a tensor outside its storage, of a type that safetensors lacks (complex, quantised, sparse), stored on no
  /// device, tensors together larger than kLargestRatio times what the file holds.
  static PyTorchFile open(const std::filesystem::path& file);
  /// The same over bytes in memory (for tests and fuzzing); `name` stands for the file in messages.
  static PyTorchFile parse(std::span<const std::byte> bytes, const std::string& name);

  PyTorchLayout layout() const { return layout_; }
  const std::vector<TensorView>& tensors() const { return tensors_; }  ///< in the order of the state dict
  /// "took 'state_dict', left epoch, optimizer", "left 2 entries that are no tensors: …".
  const std::vector<std::string>& notes() const { return notes_; }

  static constexpr uint64_t kLargestRatio = 16;

 private:
  std::shared_ptr<MappedFile> map_;
  std::deque<std::vector<std::byte>> buffers_;  ///< unpacked storages, tensors put into order
  PyTorchLayout layout_ = PyTorchLayout::zip;
  std::vector<TensorView> tensors_;
  std::vector<std::string> notes_;
};

}  // namespace larmor
