#include "train/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/pytorch_writer.h"

namespace larmor::train {
namespace {

namespace fs = std::filesystem;

Checkpoint make_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.state.epoch = 3;
  checkpoint.state.batch = 2;
  checkpoint.state.step = 17;
  checkpoint.state.best_epoch = 1;
  checkpoint.state.best_value = 0.1 + 0.2;  // no short decimal form
  checkpoint.state.schedule = R"({"best": 0.5})";
  checkpoint.model = {{"a.weight", at::arange(6, at::kFloat).view({2, 3})}, {"a.num_batches_tracked", at::scalar_tensor(4, at::kLong)}};
  checkpoint.optimizer = {{"exp_avg/a.weight", at::ones({2, 3})}};
  checkpoint.ema = {{"a.weight", at::zeros({2, 3})}};
  checkpoint.recipe = "model:\n  name: linknet\n";
  return checkpoint;
}

void expect_equal(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(at::equal(a[i].second, b[i].second)) << a[i].first;
  }
}

TEST(Checkpoint, RoundTripKeepsEverything) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "last.safetensors";
  const Checkpoint saved = make_checkpoint();
  save_checkpoint(file, saved);
  const Checkpoint loaded = load_checkpoint(file);
  EXPECT_EQ(loaded.state.epoch, 3);
  EXPECT_EQ(loaded.state.batch, 2);
  EXPECT_EQ(loaded.state.step, 17);
  EXPECT_EQ(loaded.state.best_epoch, 1);
  EXPECT_EQ(loaded.state.best_value, 0.1 + 0.2);
  EXPECT_EQ(loaded.state.schedule, saved.state.schedule);
  EXPECT_EQ(loaded.recipe, saved.recipe);
  expect_equal(loaded.model, saved.model);
  expect_equal(loaded.optimizer, saved.optimizer);
  expect_equal(loaded.ema, saved.ema);
}

TEST(Checkpoint, EqualStatesGiveEqualBytes) {
  const fs::path folder = testing::make_temporary_folder("checkpoint");
  save_checkpoint(folder / "a", make_checkpoint());
  save_checkpoint(folder / "b", make_checkpoint());
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
}

TEST(Checkpoint, WeightsOfACheckpointAreItsAverage) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "last.safetensors";
  save_checkpoint(file, make_checkpoint());
  const Weights weights = load_weights(file);
  expect_equal(weights.model, make_checkpoint().ema);
  EXPECT_EQ(weights.recipe, make_checkpoint().recipe);
}

TEST(Checkpoint, BestWeightsKeepTheirValue) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "best.safetensors";
  save_weights(file, {make_checkpoint().model, "recipe", 4, "dice_patients", 0.75});
  const Weights weights = load_weights(file);
  expect_equal(weights.model, make_checkpoint().model);
  EXPECT_EQ(weights.epoch, 4);
  EXPECT_EQ(weights.metric, "dice_patients");
  EXPECT_EQ(weights.value, 0.75);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "no error";
}

TEST(CheckpointError, MissingFile) {
  EXPECT_EQ(message_of([] { load_checkpoint("nowhere/last.safetensors"); }), "nowhere/last.safetensors: no such checkpoint");
}

TEST(CheckpointError, FlippedByteIsFound) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "last.safetensors";
  save_checkpoint(file, make_checkpoint());
  std::string bytes = read_file(file);
  bytes[bytes.size() - 1] ^= 1;
  std::ofstream(file, std::ios::binary) << bytes;
  const std::string message = message_of([&] { load_checkpoint(file); });
  EXPECT_TRUE(message.starts_with(file.string() + ": damaged: checksum ")) << message;
  EXPECT_TRUE(message.ends_with(" is stored; use another checkpoint")) << message;
}

using Metadata = std::map<std::string, std::string>;

/// Writes the file again with other metadata, well-formed.
void with_metadata(const fs::path& file, const std::function<void(Metadata& metadata)>& change) {
  Metadata metadata;
  const NamedTensors tensors = load_tensors(file, &metadata);
  change(metadata);
  save_tensors(file, tensors, metadata);
}

struct Saved {
  const char* what;
  std::function<void(const fs::path&)> save;
  std::function<void(const fs::path&)> load;
};

const std::vector<Saved>& saved_files() {
  static const std::vector<Saved> all = {{"checkpoint", [](const fs::path& file) { save_checkpoint(file, make_checkpoint()); },
                                          [](const fs::path& file) { load_checkpoint(file); }},
                                         {"weights of a checkpoint", [](const fs::path& file) { save_checkpoint(file, make_checkpoint()); },
                                          [](const fs::path& file) { load_weights(file); }},
                                         {"weights",
                                          [](const fs::path& file) {
                                            save_weights(file, {make_checkpoint().model, "a: 1", 4, "dice_patients", 0.75});
                                          },
                                          [](const fs::path& file) { load_weights(file); }},
                                         {"weights to start from",
                                          [](const fs::path& file) {
                                            save_weights(file, {make_checkpoint().model, "a: 1", 4, "dice_patients", 0.75});
                                          },
                                          [](const fs::path& file) {
                                            std::vector<std::string> notes;
                                            load_any_weights(file, notes);
                                          }}};
  return all;
}

void expect_damaged(const Saved& saved, const fs::path& file, const std::string& what) {
  const std::string message = message_of([&] { saved.load(file); });
  EXPECT_TRUE(message.starts_with(file.string() + ": damaged: checksum ")) << saved.what << ", " << what << ": " << message;
}

TEST(CheckpointError, EachKeyOfTheMetadataIsInTheChecksum) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "file.safetensors";
  for (const Saved& saved : saved_files()) {
    saved.save(file);
    Metadata keys;
    load_tensors(file, &keys);
    ASSERT_GE(keys.size(), 4u);
    for (const auto& [key, value] : keys) {
      if (key == "format") continue;
      ASSERT_FALSE(value.empty()) << key;
      saved.save(file);
      with_metadata(file, [&key = key](Metadata& metadata) { metadata[key].back() ^= 1; });
      expect_damaged(saved, file, key + " altered");
      saved.save(file);
      with_metadata(file, [&key = key](Metadata& metadata) { metadata.erase(key); });
      expect_damaged(saved, file, key + " removed");
    }
    saved.save(file);
    with_metadata(file, [](Metadata& metadata) { metadata["note"] = "added"; });
    expect_damaged(saved, file, "key added");
    saved.save(file);
    with_metadata(file, [](Metadata& metadata) { metadata.erase("format"); });
    expect_damaged(saved, file, "format removed");
  }
}

TEST(CheckpointError, NamesTypesAndShapesAreInTheChecksum) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "file.safetensors";
  const std::vector<std::function<void(NamedTensors&)>> changes = {
      [](NamedTensors& tensors) { tensors[0].first += "x"; },
      [](NamedTensors& tensors) {
        tensors[0].second = tensors[0].second.reshape({3, 2});
      },
      [](NamedTensors& tensors) { tensors[0].second = tensors[0].second.view(at::kInt); },
      [](NamedTensors& tensors) { std::swap(tensors[0].first, tensors[1].first); }, [](NamedTensors& tensors) { tensors.pop_back(); }};
  for (const Saved& saved : saved_files()) {
    for (size_t i = 0; i < changes.size(); ++i) {
      saved.save(file);
      Metadata metadata;
      NamedTensors tensors = load_tensors(file, &metadata);
      changes[i](tensors);
      save_tensors(file, tensors, metadata);
      expect_damaged(saved, file, std::to_string(i));
    }
  }
}

TEST(CheckpointError, OtherVersionsAreRefused) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "file.safetensors";
  const std::string advice = "; this one reads 'larmor-checkpoint/2' and 'larmor-weights/2'): train it again";
  for (const Saved& saved : saved_files()) {
    saved.save(file);
    std::string format;
    with_metadata(file, [&](Metadata& metadata) {
      metadata["format"].back() = '1';
      format = metadata["format"];
      metadata.erase("checksum");
    });
    EXPECT_EQ(message_of([&] { saved.load(file); }),
              file.string() + ": written by another version of Larmor (format '" + format + "'" + advice);
  }
}

TEST(Checkpoint, WeightsOfOtherProgramsAreRead) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "model.safetensors";
  save_tensors(file, make_checkpoint().model, {{"format", "pt"}});
  expect_equal(load_weights(file).model, make_checkpoint().model);
}

TEST(Checkpoint, WeightsOfAnyKind) {
  const fs::path folder = testing::make_temporary_folder("checkpoint");
  save_checkpoint(folder / "last.safetensors", make_checkpoint());
  std::vector<std::string> notes;
  expect_equal(load_any_weights(folder / "last.safetensors", notes).model, make_checkpoint().ema);
  EXPECT_TRUE(notes.empty());

  const std::vector<float> values = {1, 2, 3};
  const testing::StoredTensor tensor{"a.weight", "FloatStorage", "0", testing::bytes_of(values), 3, 0, {3}, {1}};
  write_file_atomically(folder / "w.pth", testing::zip_file({tensor}, testing::Around::checkpoint));
  expect_equal(load_any_weights(folder / "w.pth", notes).model, {{"a.weight", at::tensor(values)}});
  EXPECT_EQ(notes, std::vector<std::string>{"took 'state_dict', left epoch"});

  make_folder(folder / "smp");
  save_tensors(folder / "smp/model.safetensors", make_checkpoint().model);
  expect_equal(load_any_weights(folder / "smp", notes).model, make_checkpoint().model);
}

TEST(CheckpointError, WeightsAreNoCheckpoint) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "best.safetensors";
  save_weights(file, {make_checkpoint().model, "", 1, "dice_patients", 0.5});
  EXPECT_EQ(message_of([&] { load_checkpoint(file); }),
            file.string() + ": not a training checkpoint of this version (format 'larmor-weights/2', needed 'larmor-checkpoint/2')");
}

TEST(CheckpointError, StatesThatCannotBe) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "last.safetensors";
  for (int64_t TrainState::*field : {&TrainState::epoch, &TrainState::batch, &TrainState::step, &TrainState::loss_count}) {
    Checkpoint checkpoint = make_checkpoint();
    checkpoint.state.*field = -1;
    save_checkpoint(file, checkpoint);
    EXPECT_EQ(message_of([&] { load_checkpoint(file); }),
              file.string() + ": the training state in its metadata is damaged; start again or use another checkpoint");
  }
}

TEST(CheckpointError, TornAtEveryLengthIsRefused) {
  const fs::path file = testing::make_temporary_folder("checkpoint") / "last.safetensors";
  save_checkpoint(file, make_checkpoint());
  const std::string bytes = read_file(file);
  for (size_t length = 0; length < bytes.size(); length += 7) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes.substr(0, length);
    EXPECT_THROW(load_checkpoint(file), Error) << length;
  }
}

}  // namespace
}  // namespace larmor::train
