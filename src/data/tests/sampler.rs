//! The order of videos, and an index of a folder in memory.

use super::*;
use crate::data::ReadOptions;
use crate::source::MemoryFolder;
use crate::world::{Split, WorldClip, vidor_json};
use pollster::block_on;
use std::collections::{BTreeMap, BTreeSet};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{i}.json")).collect()
}

#[test]
fn an_epoch_has_every_video_once_and_a_position_is_exact() {
    let mut sampler = GraphSampler::new(names(7), 3).unwrap();
    let epochs: Vec<Vec<Draw>> = (0..3).map(|_| (0..7).map(|_| sampler.advance()).collect()).collect();
    for epoch in &epochs {
        let files: BTreeSet<_> = epoch.iter().map(|draw| draw.file.clone()).collect();
        assert_eq!(files.into_iter().collect::<Vec<_>>(), names(7));
    }
    assert_ne!(epochs[0], epochs[1]);
    let seeds: BTreeSet<u64> = epochs.iter().flatten().map(|draw| draw.seed).collect();
    assert_eq!(seeds.len(), 21);
    for stop in 0..20 {
        let mut first = GraphSampler::new(names(7), 3).unwrap();
        (0..stop).for_each(|_| drop(first.advance()));
        let saved = serde_json::to_string(&first.position()).unwrap();
        let mut second = GraphSampler::new(names(7), 3).unwrap();
        second.resume(serde_json::from_str(&saved).unwrap()).unwrap();
        assert_eq!(second.advance(), epochs[stop / 7][stop % 7]);
    }
    let other: Vec<Draw> = {
        let mut sampler = GraphSampler::new(names(7), 4).unwrap();
        (0..7).map(|_| sampler.advance()).collect()
    };
    assert_ne!(other, epochs[0]);
    assert_eq!(sampler.resume(Position { epoch: 0, seen: 7 }).unwrap_err().code(), "invalid-input");
    assert_eq!(GraphSampler::new(Vec::new(), 0).unwrap_err().code(), "invalid-input");
}

#[test]
fn a_folder_is_indexed_and_sampled() {
    let mut files = BTreeMap::from([("bad.json".to_owned(), b"{".to_vec())]);
    let mut usable = Vec::new();
    for index in 0..12 {
        let graph = WorldClip::generate(Split::Test, index).graph;
        let name = format!("{}.json", graph.video_id);
        let intervals: Vec<Interval> = graph.clips().iter().map(|clip| clip.interval).collect();
        if count_triples(&intervals, Spans::Contains) > 0 {
            usable.push(name.clone());
        }
        files.insert(name, vidor_json(&graph).to_string().into_bytes());
    }
    usable.sort();
    assert!(!usable.is_empty());
    let folder = MemoryFolder::new("world", files);
    let folder = block_on(AnnotationFolder::open(folder, ReadOptions::default())).unwrap();
    let index = block_on(GraphIndex::build(&folder, Spans::Contains)).unwrap();
    assert_eq!(index.files, usable);
    assert_eq!((index.tally.served(Spans::Contains), index.report.videos()), (usable.len() as u64, 12));
    assert_eq!(index.report.skipped.len(), 1);
    let mut rules = SampleRules::new(8);
    rules.spans = Spans::Contains;
    let draw = |seed| {
        let mut sampler = GraphSampler::new(index.files.clone(), seed).unwrap();
        block_on(sampler.samples(&folder, &rules, 2 * usable.len())).unwrap()
    };
    let samples = draw(9);
    assert_eq!(samples, draw(9));
    assert_ne!(samples, draw(10));
    let first: BTreeSet<_> = samples[..usable.len()].iter().map(|sample| format!("{}.json", sample.video_id)).collect();
    assert_eq!(first.into_iter().collect::<Vec<_>>(), usable);
}
