"""Who a node is: names, the signed identity document, devices, and how documents are found."""
