#include "ledger/chains/bitcoin/header.h"

#include <gtest/gtest.h>

#include <sstream>

#include "ledger/chains/bitcoin/serialize.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

Bytes prefixed_hex(const std::string& text) {
  auto raw = from_hex(std::string_view(text).substr(2));
  EXPECT_TRUE(raw.ok());
  return raw.ok() ? *raw : Bytes();
}

// Bitcoin's genesis blocks differ in time, bits and nonce only.
BlockHeader genesis_header(std::uint32_t time, std::uint32_t bits, std::uint32_t nonce) {
  BlockHeader header;
  header.version = 1;
  header.merkle_root = *from_rpc_hex("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b");
  header.time = time;
  header.bits = bits;
  header.nonce = nonce;
  return header;
}

const BlockHeader kMainnetGenesis = genesis_header(1231006505, 0x1d00ffff, 2083236893);
const BlockHeader kTestnetGenesis = genesis_header(1296688602, 0x1d00ffff, 414098458);
const BlockHeader kRegtestGenesis = genesis_header(1296688602, 0x207fffff, 2);

HeaderAnchor anchor_of(const BlockHeader& header, std::uint32_t height) {
  return {header.hash(), height, header.bits, header.time, std::nullopt};
}

// Finds a nonce; with an easy target a few tries are enough.
BlockHeader mine(const BlockHeader& previous, std::uint32_t time, std::uint32_t bits,
                 const Network& network) {
  BlockHeader header;
  header.previous = previous.hash();
  header.time = time;
  header.bits = bits;
  while (!check_pow(header, network).ok()) ++header.nonce;
  return header;
}

std::vector<BlockHeader> mine_chain(const BlockHeader& first, std::size_t count, std::uint32_t spacing,
                                    const Network& network) {
  std::vector<BlockHeader> chain;
  BlockHeader previous = first;
  for (std::size_t i = 0; i < count; ++i) {
    previous = mine(previous, previous.time + spacing, previous.bits, network);
    chain.push_back(previous);
  }
  return chain;
}

// An easy network that retargets every 8 blocks of 10 seconds.
Network retargeting() {
  Network network = regtest();
  network.name = "retargeting";
  network.no_retarget = false;
  network.retarget_interval = 8;
  network.target_timespan = 80;
  return network;
}

TEST(Header, GenesisBlocksHashToTheNetworksNames) {
  EXPECT_EQ(kMainnetGenesis.hash(), mainnet().genesis);
  EXPECT_EQ(kTestnetGenesis.hash(), testnet3().genesis);
  EXPECT_EQ(kRegtestGenesis.hash(), regtest().genesis);
  EXPECT_TRUE(check_pow(kMainnetGenesis, mainnet()).ok());
  EXPECT_TRUE(check_pow(kTestnetGenesis, testnet3()).ok());
  EXPECT_TRUE(check_pow(kRegtestGenesis, regtest()).ok());
  EXPECT_EQ(check_pow(kRegtestGenesis, mainnet()).code(), Code::kInvalid);
}

TEST(Header, ParseTakesExactly80Bytes) {
  const Bytes raw = kMainnetGenesis.serialize();
  EXPECT_EQ(raw.size(), kHeaderSize);
  EXPECT_EQ(*parse_header(raw), kMainnetGenesis);
  EXPECT_EQ(parse_header(ByteView(raw).first(79)).code(), Code::kInvalid);
  EXPECT_EQ(parse_header(Bytes(81)).code(), Code::kInvalid);
}

TEST(Header, CompactTargets) {
  EXPECT_EQ(bits_to_target(0x1d00ffff)->hex(), "00000000ffff" + std::string(52, '0'));
  EXPECT_EQ(bits_to_target(0x207fffff)->hex(), "7fffff" + std::string(58, '0'));
  EXPECT_EQ(bits_to_target(0x03123456)->limbs[0], 0x123456u);
  EXPECT_EQ(bits_to_target(0x02123456)->limbs[0], 0x1234u);
  for (const std::uint32_t bits :
       {0x1d00ffffu, 0x207fffffu, 0x1b0404cbu, 0x170cf4e1u, 0x03123456u, 0x04123456u}) {
    EXPECT_EQ(target_to_bits(*bits_to_target(bits)), bits) << std::hex << bits;
  }
}

TEST(Header, NegativeZeroAndOverflowingTargetsAreRefused) {
  for (const std::uint32_t zero : {0u, 0x01003456u, 0x02000056u, 0x04000000u, 0x20000000u}) {
    EXPECT_EQ(bits_to_target(zero).code(), Code::kInvalid) << std::hex << zero;
  }
  for (const std::uint32_t negative : {0x01fedcbau, 0x04923456u, 0x1d80ffffu}) {
    EXPECT_EQ(bits_to_target(negative).code(), Code::kInvalid) << std::hex << negative;
  }
  for (const std::uint32_t too_large : {0x21010000u, 0x22000100u, 0x23000001u, 0xff123456u}) {
    EXPECT_EQ(bits_to_target(too_large).code(), Code::kInvalid) << std::hex << too_large;
  }
  EXPECT_TRUE(bits_to_target(0x2100ffffu).ok());
  EXPECT_TRUE(bits_to_target(0x220000ffu).ok());
}

TEST(Header, WorkOfKnownTargets) {
  EXPECT_EQ(work_of_target(*bits_to_target(0x207fffff)).limbs[0], 2u);
  EXPECT_EQ(work_of_target(*bits_to_target(0x1d00ffff)).limbs[0], 0x100010001u);
}

TEST(Header, SummaWork) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testProofs.json");
  const auto valid = Json::parse(*vectors.find("validHeader")->items()[0].as_string(), 10'000);
  ASSERT_TRUE(valid.ok());
  const auto header = parse_header(prefixed_hex(text_at(*valid, "raw")));
  ASSERT_TRUE(header.ok());
  EXPECT_TRUE(check_pow(*header, mainnet()).ok());
  EXPECT_EQ(to_bytes(header->hash().view()), prefixed_hex(text_at(*valid, "hash")));
  // testVectors.json, group "work": the hash as a number,
  // 2144308676160250637711317612710453930444554075431963725.
  EXPECT_EQ(Uint256::from_little_endian(header->hash()).hex(),
            "00000000000000000016633b88de22bd6462283bcf7dcbe559233baaf5fb0c4d");
}

TEST(Header, SummaRetargets) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testVectors.json");
  std::size_t checked = 0;
  for (const Json& entry : vectors.find("retargetAlgorithm")->items()) {
    const auto& headers = entry.find("input")->items();
    ASSERT_EQ(headers.size(), 3u);
    const auto first = parse_header(prefixed_hex(text_at(headers[0], "hex")));
    const auto last = parse_header(prefixed_hex(text_at(headers[1], "hex")));
    const auto next = parse_header(prefixed_hex(text_at(headers[2], "hex")));
    ASSERT_TRUE(first.ok() && last.ok() && next.ok());
    HeaderAnchor anchor = anchor_of(*last, static_cast<std::uint32_t>(*headers[1].u64_at("height")));
    anchor.interval_first_time = first->time;
    const auto tip = verify_header_chain(mainnet(), anchor, {*next});
    if (next->previous !=
        last->hash()) {  // the last case of the vectors takes its blocks from different intervals
      EXPECT_EQ(tip.code(), Code::kInvalid);
      continue;
    }
    ASSERT_TRUE(tip.ok()) << tip.status().to_string();
    EXPECT_EQ(tip->bits, next->bits);
    anchor.interval_first_time = first->time + 10'000;  // another interval demands other bits
    EXPECT_EQ(verify_header_chain(mainnet(), anchor, {*next}).code(), Code::kInvalid);
    anchor.interval_first_time.reset();  // unknown: only the factor of 4 is checked
    EXPECT_TRUE(verify_header_chain(mainnet(), anchor, {*next}).ok());
    ++checked;
  }
  EXPECT_EQ(checked, 8u);
}

TEST(Header, SummaHeaderChains) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testVectors.json");
  const Bytes raw = prefixed_hex(text_at(vectors.find("validateHeaderChain")->items()[0], "input"));
  ASSERT_EQ(raw.size() % kHeaderSize, 0u);
  std::vector<BlockHeader> headers;
  for (std::size_t i = 0; i < raw.size(); i += kHeaderSize) {
    headers.push_back(*parse_header(ByteView(raw).subspan(i, kHeaderSize)));
  }
  const HeaderAnchor anchor{headers[0].previous, 550'000, headers[0].bits, std::nullopt, std::nullopt};
  EXPECT_TRUE(verify_header_chain(mainnet(), anchor, headers).ok());
  std::swap(headers[0], headers[1]);
  EXPECT_EQ(verify_header_chain(mainnet(), anchor, headers).code(), Code::kInvalid);
}

TEST(Header, SummaBadHeadersDoNotHashToTheirNames) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testProofs.json");
  for (const Json& bad : vectors.find("badHeaders")->items()) {
    const Json& entry = *bad.find("header");
    const auto header = parse_header(prefixed_hex(text_at(entry, "raw")));
    ASSERT_TRUE(header.ok());
    EXPECT_FALSE(to_bytes(header->hash().view()) == prefixed_hex(text_at(entry, "hash")) &&
                 to_bytes(header->merkle_root.view()) == prefixed_hex(text_at(entry, "merkle_root")) &&
                 to_bytes(header->previous.view()) == prefixed_hex(text_at(entry, "prevhash")));
  }
}

TEST(Header, TestnetChainOfBitcoinCore) {
  LOAD_VECTOR_TEXT(text, "bitcoin-core/blockheader_testnet3.hex");
  std::istringstream lines(text);
  std::vector<BlockHeader> headers;
  std::vector<BlockHeader> forks;
  for (std::string line; std::getline(lines, line);) {
    const bool fork = line.starts_with("fork:");
    const auto raw = from_hex(fork ? line.substr(5) : line);
    ASSERT_TRUE(raw.ok());
    (fork ? forks : headers).push_back(*parse_header(*raw));
  }
  ASSERT_EQ(headers.size(), 546u);
  const auto tip =
      verify_header_chain(testnet3(), anchor_of(kTestnetGenesis, 0), headers, headers.back().time);
  ASSERT_TRUE(tip.ok()) << tip.status().to_string();
  EXPECT_EQ(tip->height, 546u);
  EXPECT_EQ(tip->hash, headers.back().hash());
  EXPECT_EQ(tip->work.limbs[0], 546 * 0x100010001ull);
  // Each fork header is proven work on the genesis block, and links to nothing but it.
  ASSERT_EQ(forks.size(), 2u);
  EXPECT_TRUE(verify_header_chain(testnet3(), anchor_of(kTestnetGenesis, 0), {forks[0]}).ok());
  EXPECT_EQ(verify_header_chain(testnet3(), anchor_of(headers[0], 1), {forks[0]}).code(), Code::kInvalid);
}

TEST(Header, ChainRefusesAnyChangedBit) {
  const auto chain = mine_chain(kRegtestGenesis, 3, 600, regtest());
  const HeaderAnchor anchor = anchor_of(kRegtestGenesis, 0);
  ASSERT_TRUE(verify_header_chain(regtest(), anchor, chain).ok());
  auto unlinked = chain;
  unlinked.erase(unlinked.begin() + 1);
  EXPECT_EQ(verify_header_chain(regtest(), anchor, unlinked).code(), Code::kInvalid);
  auto no_work = chain;
  while (check_pow(no_work[2], regtest()).ok()) ++no_work[2].nonce;
  const auto refused = verify_header_chain(regtest(), anchor, no_work);
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find("height 3"), std::string::npos);
  EXPECT_EQ(verify_header_chain(regtest(), anchor, {}).code(), Code::kInvalid);
  EXPECT_EQ(verify_header_chain(regtest(), anchor, std::vector<BlockHeader>(kMaxHeaderChain + 1)).code(),
            Code::kInvalid);
}

TEST(Header, WithoutRetargetBitsNeverChange) {
  const BlockHeader harder = mine(kRegtestGenesis, kRegtestGenesis.time + 600, 0x207ffffe, regtest());
  EXPECT_EQ(verify_header_chain(regtest(), anchor_of(kRegtestGenesis, 0), {harder}).code(), Code::kInvalid);
  EXPECT_EQ(verify_header_chain(regtest(), anchor_of(kRegtestGenesis, 2015), {harder}).code(),
            Code::kInvalid);
}

TEST(Header, BitsChangeOnlyAtTheBoundaryAndByTheRule) {
  const Network network = retargeting();
  const auto interval =
      mine_chain(kRegtestGenesis, 7, 5, network);  // heights 1..7, half the time: twice the work
  const BlockHeader& last = interval.back();
  // 35 of 80 seconds were taken.
  const std::uint32_t demanded = target_to_bits(bits_to_target(kRegtestGenesis.bits)->scaled(35, 80));
  auto chain = interval;
  chain.push_back(mine(last, last.time + 5, demanded, network));
  const HeaderAnchor anchor = anchor_of(kRegtestGenesis, 0);
  const auto tip = verify_header_chain(network, anchor, chain);
  ASSERT_TRUE(tip.ok()) << tip.status().to_string();
  EXPECT_EQ(tip->bits, demanded);
  chain.back() = mine(last, last.time + 5, kRegtestGenesis.bits, network);
  EXPECT_EQ(verify_header_chain(network, anchor, chain).code(), Code::kInvalid);
  chain = {interval[0], mine(interval[0], interval[0].time + 5, demanded, network)};
  EXPECT_EQ(verify_header_chain(network, anchor, chain).code(), Code::kInvalid);
}

TEST(Header, AnUnknownIntervalMayMoveByAFactorOf4) {
  const Network network = retargeting();
  const HeaderAnchor anchor{kRegtestGenesis.hash(), 7, kRegtestGenesis.bits, std::nullopt, std::nullopt};
  const Uint256 target = *bits_to_target(kRegtestGenesis.bits);
  const auto verify_with = [&](std::uint32_t bits) {
    return verify_header_chain(network, anchor,
                               {mine(kRegtestGenesis, kRegtestGenesis.time + 5, bits, network)})
        .ok();
  };
  EXPECT_TRUE(verify_with(kRegtestGenesis.bits));
  EXPECT_TRUE(verify_with(target_to_bits(target.scaled(1, 4))));
  EXPECT_FALSE(verify_with(target_to_bits(target.scaled(1, 5))));
}

TEST(Header, TimesAreBoundedBelowByTheMedianAndAboveByTheCaller) {
  auto chain = mine_chain(kRegtestGenesis, 11, 600, regtest());
  const HeaderAnchor anchor = anchor_of(kRegtestGenesis, 0);
  const std::uint32_t median = chain[5].time;
  auto early = chain;
  early.push_back(mine(chain.back(), median, kRegtestGenesis.bits, regtest()));
  EXPECT_EQ(verify_header_chain(regtest(), anchor, early).code(), Code::kInvalid);
  early.back() = mine(chain.back(), median + 1, kRegtestGenesis.bits, regtest());
  EXPECT_TRUE(verify_header_chain(regtest(), anchor, early).ok());
  EXPECT_TRUE(verify_header_chain(regtest(), anchor, chain, chain.back().time).ok());
  EXPECT_EQ(verify_header_chain(regtest(), anchor, chain, chain.back().time - 1).code(), Code::kInvalid);
}

TEST(Uint256, ArithmeticSaturatesAndOrders) {
  const Uint256 max{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
  const Uint256 one{{1, 0, 0, 0}};
  EXPECT_EQ(max + one, max);
  EXPECT_EQ(max.scaled(2, 1), max);
  EXPECT_EQ(max.scaled(4, 4), max);
  EXPECT_EQ((Uint256{{UINT64_MAX, 0, 0, 0}} + one), (Uint256{{0, 1, 0, 0}}));
  EXPECT_LT((Uint256{{UINT64_MAX, 0, 0, 0}}), (Uint256{{0, 1, 0, 0}}));
  EXPECT_EQ(work_of_target(max), one);
  EXPECT_EQ((Uint256{{0, 0, 0, 1}}.bit_length()), 193u);
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
