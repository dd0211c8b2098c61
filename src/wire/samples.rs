//! Real packets for the tests, captured between two Linux hosts without checksum offload.

/// The bytes of a packet written in hexadecimal.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// 192.0.2.1:45278 > 192.0.2.2:8080 [S], seq 326362784.
pub(super) const SYN_V4: &str = "4500003cec5a40004006ca5dc0000201c0000202
    b0de1f901373e6a000000000a002faf0f2d20000020405b40402080a1ccaeee8000000000103030a";
/// Its answer [S.], seq 910897371, ack 326362785.
pub(super) const SYN_ACK_V4: &str = "4500003c000040004006b6b8c0000202c0000201
    1f90b0de364b30db1373e6a1a012fe884bc60000020405b40402080a48a7f3951ccaeee80103030a";
/// 192.0.2.1:45278 > 192.0.2.2:8080 [P.], "ping".
pub(super) const DATA_V4: &str = "45000038ec5c40004006ca5fc0000201c0000202
    b0de1f901373e6a1364b30dc8018003f9a0200000101080a1ccaeee848a7f39570696e67";
/// 192.0.2.1:45278 > 192.0.2.2:8080 [F.].
pub(super) const FIN_V4: &str = "45000034ec5e40004006ca61c0000201c0000202
    b0de1f901373e6a5364b30e18011003f78d400000101080a1ccaeee948a7f395";
/// 192.0.2.2:9 > 192.0.2.1:37726 [R.].
pub(super) const RST_V4: &str = "45000028000040004006b6ccc0000202c0000201
    0009935e00000000a66bdaea50140000170f0000";
/// 192.0.2.2 > 192.0.2.1: admin prohibited, about 192.0.2.1:36118 > 192.0.2.2:7 [S], seq 371694181.
pub(super) const PROHIBITED_V4: &str = "45c000589daa000040015837c0000202c0000201030d812500000000
    4500003c2b09400040068bafc0000201c0000202
    8d16000716279a6500000000a002faf08e0c0000020405b40402080afe8efec2000000000103030a";
/// [2001:db8::1]:49948 > [2001:db8::2]:8080 [S], seq 250789477, flow label 0xf55c3.
pub(super) const SYN_V6: &str =
    "600f55c30028064020010db800000000000000000000000120010db8000000000000000000000002
    c31c1f900ef2be6500000000a002fd20e8b60000020405a00402080a60c2f5fd000000000103030a";
/// [2001:db8::2] > [2001:db8::1]: admin prohibited, about [2001:db8::1]:47982 > [2001:db8::2]:7 [S],
/// seq 4201292719.
pub(super) const PROHIBITED_V6: &str =
    "60042f4e00583a4020010db800000000000000000000000220010db800000000000000000000000101016dac00000000
    600ccf040028064020010db800000000000000000000000120010db8000000000000000000000002
    bb6e0007fa6aa3af00000000a002fd20e0120000020405a00402080a86452f93000000000103030a";
/// A multicast listener report behind a hop-by-hop options header.
pub(super) const REPORT_V6: &str =
    "6000000000380001fe800000000000007cb20afffe3100d4ff020000000000000000000000000016
    3a00050200000100
    8f00e7300000000204000000ff0200000000000000000001ff3100d404000000ff0200000000000000000001ff000002";

/// All of them.
pub(super) const ALL: [&str; 9] = [
    SYN_V4,
    SYN_ACK_V4,
    DATA_V4,
    FIN_V4,
    RST_V4,
    PROHIBITED_V4,
    SYN_V6,
    PROHIBITED_V6,
    REPORT_V6,
];
