// Weights that are missing, torn, hostile or of another network: one line that says which, and nothing is written.
#include <array>
#include <map>

#include "core/files.h"
#include "core/safetensors.h"
#include "tests/error/fixture.h"
#include "tests/support/pytorch_writer.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

class WeightsError : public ErrorFixture {
 protected:
  void TearDown() override {
    EXPECT_FALSE(fs::exists(folder_ / "run")) << "something was left behind";
    EXPECT_FALSE(fs::exists(folder_ / "masks")) << "something was left behind";
  }

  static ProcessResult predict(const std::string& weights) {
    return larmor({"predict", weights, "--recipe", "a.yaml", "--input", "phantom", "--output", "masks"});
  }

  /// Two tensors of some other network: one whose name is ours, in another shape, and one that we have not.
  static void write_other_network(const fs::path& file) {
    const std::array<float, 4> values{1, 2, 3, 4};
    const auto bytes = std::as_bytes(std::span(values));
    write_safetensors(file, {{"encoder.layer0.conv1.weight", DType::f32, {2, 2}, bytes}, {"fc.weight", DType::f32, {4}, bytes}}, {});
  }

  static std::string other_network_message(const std::string& file) {
    return file +
           ": not the weights of this linknet: 378 missing (encoder.layer0.bn1.weight, encoder.layer0.bn1.bias, "
           "encoder.layer0.bn1.running_mean, …), 1 unexpected (fc.weight), 1 of another shape (encoder.layer0.conv1.weight: 64x3x7x7 here, "
           "2x2 in the file)";
  }
};

TEST_F(WeightsError, ThatAreNotThere) {
  expect(train({"model.weights=nowhere.safetensors"}), 3, "nowhere.safetensors: cannot be read: No such file or directory");
  expect(predict("nowhere.safetensors"), 2, "nowhere.safetensors: no such run, checkpoint or folder");
}

TEST_F(WeightsError, OfAnotherNetwork) {
  write_other_network(folder_ / "other.safetensors");
  expect(train({"model.weights=other.safetensors"}), 3, other_network_message("other.safetensors"));
  expect(predict("other.safetensors"), 3, other_network_message("other.safetensors"));
  expect(larmor({"convert", "other.safetensors", "exported", "--recipe", "a.yaml"}), 3, other_network_message("other.safetensors"));
  EXPECT_FALSE(fs::exists(folder_ / "exported"));
}

TEST_F(WeightsError, OfAnotherNetworkInARun) {
  const fs::path run = folder_ / "foreign";
  make_folder(run / "checkpoints");
  fs::copy_file(folder_ / "a.yaml", run / "recipe.yaml");
  write_other_network(run / "checkpoints/best.safetensors");
  expect(larmor({"eval", "foreign"}), 3, other_network_message("foreign/checkpoints/best.safetensors"));
  expect(larmor({"predict", "foreign", "--input", "phantom", "--output", "masks"}), 3,
         other_network_message("foreign/checkpoints/best.safetensors"));
}

TEST_F(WeightsError, CutOff) {
  write_other_network(folder_ / "cut.safetensors");
  const uintmax_t size = fs::file_size(folder_ / "cut.safetensors");
  const std::vector<std::pair<uintmax_t, std::string>> cases = {
      {size - 1, "tensor 'fc.weight': ends at byte 32 of the data, which has 31: the file is cut off"},
      {100, "header of 152 bytes, but only 92 follow: the file is cut off"},
      {7, "7 bytes are too few for a safetensors file"},
      {0, "0 bytes are too few for a safetensors file"}};
  for (const auto& [length, message] : cases) {
    fs::resize_file(folder_ / "cut.safetensors", length);
    expect(predict("cut.safetensors"), 3, "cut.safetensors: " + message);
    expect(train({"model.weights=cut.safetensors"}), 3, "cut.safetensors: " + message);
  }
}

/// Weights of Larmor carry a checksum, and whatever reads them verifies it.
TEST_F(WeightsError, Damaged) {
  const std::array<float, 2> values{1, 2};
  const std::map<std::string, std::string> metadata = {{"format", "larmor-weights/2"}, {"checksum", "00000000"}};
  write_safetensors(folder_ / "damaged.safetensors", {{"w", DType::f32, {2}, std::as_bytes(std::span(values))}}, metadata);
  const std::string message = "damaged.safetensors: damaged: checksum f7114600 where 00000000 is stored; use another checkpoint";
  expect(train({"model.weights=damaged.safetensors"}), 3, message);
  expect(train({"model.encoder_weights=damaged.safetensors"}), 3, message);
  expect(predict("damaged.safetensors"), 3, message);
  expect(larmor({"convert", "damaged.safetensors", "exported.safetensors"}), 3, message);
  EXPECT_FALSE(fs::exists(folder_ / "exported.safetensors"));
}

TEST_F(WeightsError, FilesOfAnotherKind) {
  expect(predict("a.yaml"), 3,
         "a.yaml: not a file of PyTorch: neither a zip archive nor a pickle nor a tar archive; give a run folder, a checkpoint "
         "(.safetensors), "
         "weights of PyTorch (.pth, .pt) or an SMP folder");
}

TEST_F(WeightsError, HostileHeaders) {
  const fs::path corpus = source_dir() / "tests/fuzz/corpus/safetensors";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"length_all_ones", "header of 18446744073709551615 bytes; at most 100000000 are allowed"},
      {"length_past_end", "header of 1099511627776 bytes; at most 100000000 are allowed"},
      {"deep", "header: 'a': a list is not allowed"},
      {"cut", "tensor 'a': ends at byte 400 of the data, which has 2: the file is cut off"},
      {"hole", "tensor 'a': begins at byte 1 instead of 0: leaves a hole before it"},
      {"overlap", "tensor 'b': begins at byte 1 instead of 2: overlaps the tensor before it"},
      {"shape_overflow", "tensor 'a': shape [4611686018427387904, 4611686018427387904, 4] overflows"},
      {"duplicate", "header: duplicate key 'a'"}};
  for (const auto& [name, message] : cases) {
    fs::copy_file(corpus / name, folder_ / "hostile.safetensors", fs::copy_options::overwrite_existing);
    expect(predict("hostile.safetensors"), 3, "hostile.safetensors: " + message);
    expect(train({"model.weights=hostile.safetensors"}), 3, "hostile.safetensors: " + message);
  }
}

TEST_F(WeightsError, HostileFilesOfPyTorch) {
  const fs::path corpus = source_dir() / "tests/fuzz/corpus/pytorch";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"zip_os_system", "pickle names 'os.system', which is no part of tensors; nothing was executed"},
      {"zip_cut", "zip archive without its directory: the file is cut off"}};
  for (const auto& [name, message] : cases) {
    fs::copy_file(corpus / name, folder_ / "hostile.pth", fs::copy_options::overwrite_existing);
    expect(larmor({"convert", "hostile.pth", "converted.safetensors"}), 3, "hostile.pth: " + message);
    expect(train({"model.weights=hostile.pth"}), 3, "hostile.pth: " + message);
    EXPECT_FALSE(fs::exists(folder_ / "converted.safetensors"));
  }
}

TEST_F(WeightsError, ConvertNeedsToKnowWhat) {
  fs::copy_file(source_dir() / "tests/fuzz/corpus/pytorch/zip", folder_ / "w.pth", fs::copy_options::overwrite_existing);
  expect(larmor({"convert", "w.pth", "folder"}), 2,
         "w.pth: an SMP folder needs to know the network; name it with --recipe FILE, or write --to safetensors");
  expect(larmor({"convert", "w.pth", "x.safetensors", "--from", "torchscript"}), 2,
         "w.pth: not what --from torchscript promises: a PyTorch zip archive with 'w', …");
  expect(larmor({"convert", "w.pth", "x.safetensors", "--from", "pytorhc"}), 2, "--from: unknown source 'pytorhc'; nearest: 'pytorch'");
  const ProcessResult converted = larmor({"convert", "w.pth", "x.safetensors", "--from", "pytorch"});
  expect(larmor({"convert", "w.pth", "x.safetensors"}), 2, "x.safetensors is there already; --overwrite replaces it");
  EXPECT_EQ(larmor({"convert", "w.pth", "x.safetensors", "--overwrite"}).exit_code, 0);
  EXPECT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_EQ(
      converted.out,
      "took 'state_dict', left epoch\nx.safetensors: 2 tensors from w.pth (PyTorch zip archive); not held against a network (--recipe)\n");
}

StoredTensor one_number(const std::string& name) { return {name, "FloatStorage", "0", bytes_of<float>({1}), 1, 0, {1}, {1}}; }

TEST_F(WeightsError, ConvertKeepsTheNamesOfSafetensors) {
  write_file_atomically(folder_ / "metadata.pth", zip_file({one_number("__metadata__")}));
  expect(larmor({"convert", "metadata.pth", "x2.safetensors"}), 3,
         "metadata.pth: a tensor is called '__metadata__', which safetensors files keep for something else");
  const std::string both =
      zip_file({one_number("decoder.layer1.block.0.block.0.weight"), one_number("decoder.layer1.block.2.block.0.weight"),
                one_number("decoder.final_conv.weight"), one_number("segmentation_head.0.weight")});
  write_file_atomically(folder_ / "both.pth", both);
  expect(larmor({"convert", "both.pth", "x2.safetensors"}), 3,
         "both.pth: two tensors are called 'segmentation_head.0.weight', one of them by an older name");
  EXPECT_FALSE(fs::exists(folder_ / "x2.safetensors"));
}

TEST_F(WeightsError, ConvertRenamesOnlyWhatHadOldNames) {
  write_file_atomically(folder_ / "own.pth", zip_file({one_number("decoder.conv1.weight")}));
  const std::string refused = ": SMP 0.0.x has no names of its own for ";
  expect(larmor({"convert", "own.pth", "x3.safetensors", "--to", "smp00"}), 2,
         "own.pth" + refused + "these tensors; it has them for linknet, fpn, pspnet");
  expect(larmor({"convert", "own.pth", "x3.safetensors", "--from", "smp00"}), 2,
         "own.pth: not what --from smp00 promises: a PyTorch zip archive with 'decoder.conv1.weight', …");
  std::ofstream(folder_ / "buda.yaml") << "data: {root: phantom, split: {kind: kfold, folds: 3}, size: 32, batch: 2}\n"
                                          "model: {name: buda_unet}\n"
                                          "train: {epochs: 1}\n";
  const ProcessResult trained = larmor({"train", "buda.yaml", "--quiet", "--threads", "1", "--run-dir", "buda"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  expect(larmor({"convert", "buda", "x3.safetensors", "--to", "smp00"}), 2,
         "buda" + refused + "buda_unet; it has them for linknet, fpn, pspnet");
  EXPECT_FALSE(fs::exists(folder_ / "x3.safetensors"));
}

TEST_F(WeightsError, NoFileOfTheCorpusDoesMoreThanOneLine) {
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(source_dir() / "tests/fuzz/corpus/safetensors")) {
    SCOPED_TRACE(entry.path());
    fs::copy_file(entry.path(), folder_ / "any.safetensors", fs::copy_options::overwrite_existing);
    const ProcessResult result = predict("any.safetensors");
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_TRUE(result.err.starts_with("any.safetensors: ")) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    ++files;
  }
  EXPECT_GT(files, 10u);
}

}  // namespace
}  // namespace larmor::testing
