"""XMP packet that marks an image as synthetic.

The mark is the IPTC property `DigitalSourceType` with the value `compositeWithTrainedAlgorithmicMedia`: an image of
which parts were made by a trained model (IPTC Photo Metadata Standard and its NewsCodes).

The packet is written anew for every result and holds nothing of the target's own. Metadata that an image brings along
are not edited: a second rdf:RDF, a nested Description or another encoding in them would decide which statements readers
find.
"""

from __future__ import annotations

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

SYNTHETIC_PACKET = (
    "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>"
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    "<rdf:Description rdf:about='' xmlns:Iptc4xmpExt='http://iptc.org/std/Iptc4xmpExt/2008-02-29/' "
    f"Iptc4xmpExt:DigitalSourceType='{DIGITAL_SOURCE_TYPE}'/>"
    "</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()
"""UTF-8 (XMP specification part 1, section 7; the packet wrapper: part 1, section 7.3.2)."""
